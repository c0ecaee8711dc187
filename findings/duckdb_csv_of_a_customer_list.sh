#!/usr/bin/env bash
# Three valid CSV files of customers that DuckDB's sniffer reads as something else, without an error.
#
# "No" is what ERPs call the number of a customer. A list that is empty today (its heading alone) is read as one row of data,
# (False, 'Name'), since "No" is a boolean word. A first customer whose code begins with # is taken for a comment: the row is gone.
# One row with a field less (a trailing empty cell that the exporter leaves out) makes the whole file one column.
# All three are read right once delim, header, columns and null_padding are said and auto_detect is off.
# Seen with duckdb 2.0.1 on Python 3.11. Fails when any of this changes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check duckdb==2.0.1
cd "$folder"
cat > look.py <<'PYTHON'
import duckdb

FILES = {
    "empty.csv": "No;Name\n",
    "code.csv": "No;Name;Open\n#1001;Berg;10\n1002;Dahl;20\n1003;Holm;30\n",
    "short.csv": "No;Name;Open\n1001;Berg;10\n1002;Dahl\n1003;Holm;30\n",
}
seen = {}
for name, text in FILES.items():
    with open(name, "w") as file:
        file.write(text)
    guessed = duckdb.sql(f"FROM '{name}'")
    fields = text.split("\n")[0].split(";")
    kinds = ", ".join(f"{field}: 'VARCHAR'" for field in fields)
    said = duckdb.sql(
        f"FROM read_csv('{name}', delim = ';', header = true, columns = {{{kinds}}}, auto_detect = false, null_padding = true)"
    )
    seen[name] = (guessed.columns, guessed.fetchall())
    print(f"{name:10} sniffed {seen[name]}; said {said.fetchall()}")
    assert len(said.fetchall()) == text.count("\n") - 1
assert seen["empty.csv"] == (["column0", "column1"], [(False, "Name")])
assert seen["code.csv"][1] == [(1002, "Dahl", 20), (1003, "Holm", 30)]
assert seen["short.csv"] == (["No;Name;Open"], [("1001;Berg;10",), ("1002;Dahl",), ("1003;Holm;30",)])
PYTHON
venv/bin/python look.py
