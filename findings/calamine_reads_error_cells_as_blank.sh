#!/usr/bin/env bash
# python-calamine reads #N/A and formulas that were never calculated as '': an amount that is wrong looks like none.
#
# Receivables lists are made with VLOOKUP, and a look-up that fails shows #N/A. openpyxl reads the cell's text '#N/A' with data_type 'e', so a
# reader can refuse the row. calamine gives '' for it, for a formula without a stored result and for an empty cell alike: an open amount that
# could not be looked up reads as nothing to pay.
# Seen with python-calamine 0.9.1, openpyxl 3.1.5 on Python 3.11. Fails when any of this changes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check python-calamine==0.9.1 openpyxl==3.1.5
cd "$folder"
cat > look.py <<'PYTHON'
import openpyxl
from python_calamine import CalamineWorkbook

book = openpyxl.Workbook()
for row in (["No", "Open"], ["1001", 100.5], ["1002", "#N/A"], ["1003", "=B2*2"], ["1004", None]):
    book.active.append(row)
book.active["B3"].data_type = "e"
book.save("open.xlsx")
by_calamine = [row[1] for row in CalamineWorkbook.from_path("open.xlsx").get_sheet_by_index(0).to_python()[1:]]
by_openpyxl = [(row[1].value, row[1].data_type) for row in openpyxl.load_workbook("open.xlsx", data_only=True).active.rows][1:]
print(f"calamine {by_calamine}; openpyxl {by_openpyxl}")
assert by_calamine == [100.5, "", "", ""]
assert by_openpyxl == [(100.5, "n"), ("#N/A", "e"), (None, "n"), (None, "n")]
PYTHON
venv/bin/python look.py
