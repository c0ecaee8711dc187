#!/usr/bin/env bash
# dlt lands one amount in two columns when the first row's amount is whole: SUM(amount) then leaves invoices out.
#
# JSON writes 100.00 as 100, so dlt infers bigint from the first row. 100.75 goes to a second column, amount__v_double, and
# amount is null in that row; 50.0 stays in amount. A query over amount adds up 150 of 250.75 and says nothing; the schema is
# as told to be (variant columns), but no warning is given in a run. A column hint (data_type decimal) keeps one column; a
# JSON number has then already been a double.
# Seen with dlt 1.31.0, duckdb 2.0.1 on Python 3.11. Fails when any of this changes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'dlt[duckdb]==1.31.0' duckdb==2.0.1
cd "$folder"
cat > look.py <<'PYTHON'
import os

os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
import dlt

INVOICES = [{"number": "1", "amount": 100}, {"number": "2", "amount": 100.75}, {"number": "3", "amount": 50.0}]


def load(name, **hints):
    pipeline = dlt.pipeline(
        name, destination=dlt.destinations.duckdb(f"{name}.duckdb"), dataset_name="erp", pipelines_dir=name
    )
    pipeline.run(dlt.resource(INVOICES, name="invoice", **hints))
    with pipeline.sql_client() as client:
        columns = [
            column
            for (column,) in client.execute_sql(
                "SELECT column_name FROM information_schema.columns WHERE table_name = 'invoice' ORDER BY 1"
            )
            if column.startswith("amount")
        ]
        rows = client.execute_sql(f"SELECT number, {', '.join(columns)} FROM invoice ORDER BY 1")
        total = client.execute_sql("SELECT sum(amount) FROM invoice")[0][0]
    return columns, rows, total


plain = load("plain")
hinted = load("hinted", columns={"amount": {"data_type": "decimal"}})
print("inferred", plain)
print("decimal ", hinted)
assert plain == (["amount", "amount__v_double"], [("1", 100, None), ("2", None, 100.75), ("3", 50, None)], 150)
assert hinted[0] == ["amount"] and float(hinted[2]) == 250.75
PYTHON
venv/bin/python look.py
