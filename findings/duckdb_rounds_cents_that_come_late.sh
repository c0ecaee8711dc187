#!/usr/bin/env bash
# DuckDB rounds the cents of JSON and CSV files away when the amounts of the first rows are whole.
#
# JSON writes an amount of 100.00 as 100. Where the first 20,480 rows (the sample) hold whole amounts only, the column is
# taken for BIGINT, and a later 100.75 is read as 101: no error, no null, and a sum that is off by 0.25. A CSV file of the same
# rows is rounded alike. Naming the columns with DECIMAL keeps cents; a third digit is rounded to
# the scale there as well. A column asked for as VARCHAR is not the text that was sent: numbers went through a double first.
# Seen with duckdb 2.0.1 on Python 3.11. Fails when any of this changes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check duckdb==2.0.1
cd "$folder"
cat > look.py <<'PYTHON'
import duckdb

with open("entries.json", "w") as file:
    file.writelines(f'{{"entry": {number}, "amount": 100}}\n' for number in range(30_000))
    file.write('{"entry": 30000, "amount": 100.75}\n')
guessed = duckdb.sql("SELECT typeof(amount), amount FROM 'entries.json' WHERE entry = 30000").fetchall()[0]
named = duckdb.sql(
    "SELECT amount FROM read_json('entries.json', columns = {entry: 'BIGINT', amount: 'DECIMAL(18,2)'}) WHERE entry = 30000"
).fetchall()[0][0]
with open("entries.csv", "w") as file:
    file.write("entry,amount\n")
    file.writelines(f"{number},100\n" for number in range(30_000))
    file.write("30000,100.75\n")
csv = duckdb.sql("SELECT typeof(amount), amount FROM 'entries.csv' WHERE entry = 30000").fetchall()[0]
with open("large.json", "w") as file:
    file.write('{"entry": 1, "amount": 9007199254740993.11}\n')
text = duckdb.sql(
    "SELECT amount FROM read_json('large.json', columns = {entry: 'BIGINT', amount: 'VARCHAR'})"
).fetchall()[0][0]
print(f"guessed from 20,480 rows {guessed}; DECIMAL by name {named}; CSV {csv}; 9007199254740993.11 as VARCHAR {text}")
assert guessed == ("BIGINT", 101)
assert str(named) == "100.75"
assert csv == ("BIGINT", 101)
assert text == "9007199254740994.0"
PYTHON
venv/bin/python look.py
