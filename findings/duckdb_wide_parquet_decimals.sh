#!/usr/bin/env bash
# DuckDB reads Parquet decimals of more than 38 digits as doubles, without a word: cents are lost.
#
# A Parquet file may hold DECIMAL(40,2) (Arrow's decimal256, which some warehouses export for every amount). pyarrow
# writes it and reads it back exactly. DuckDB 2.0.1 describes the column as DOUBLE: 90071992547409.93 arrives as
# 90071992547409.92, in a cast to DECIMAL(38,2) too, since the double was made first. Polars 2.1.0 refuses the file.
# parquet_schema() tells the real precision, so a reader can look before it reads.
# Seen with duckdb 2.0.1, pyarrow 26.0.1, polars 2.1.0 on Python 3.11. Fails when any of this changes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check duckdb==2.0.1 pyarrow==26.0.1 polars==2.1.0
cd "$folder"
cat > look.py <<'PYTHON'
from decimal import Decimal

import duckdb
import polars
import pyarrow
import pyarrow.parquet

written = Decimal("90071992547409.93")
amounts = pyarrow.table({"amount": pyarrow.array([written], pyarrow.decimal256(40, 2))})
pyarrow.parquet.write_table(amounts, "amounts.parquet")
by_pyarrow = pyarrow.parquet.read_table("amounts.parquet")["amount"][0].as_py()
kind = duckdb.sql("DESCRIBE SELECT * FROM 'amounts.parquet'").fetchall()[0][1]
by_duckdb, cast = duckdb.sql(
    "SELECT CAST(amount AS VARCHAR), CAST(CAST(amount AS DECIMAL(38,2)) AS VARCHAR) FROM 'amounts.parquet'"
).fetchall()[0]
precision = duckdb.sql("SELECT precision FROM parquet_schema('amounts.parquet') WHERE name = 'amount'").fetchall()[0][0]
try:
    polars.read_parquet("amounts.parquet")
    by_polars = "read"
except polars.exceptions.InvalidOperationError as refusal:
    by_polars = f"refused: {refusal}"
seen = {
    "written": str(written),
    "pyarrow": str(by_pyarrow),
    "duckdb's type": kind,
    "duckdb": by_duckdb,
    "duckdb, cast to DECIMAL(38,2)": cast,
    "parquet_schema's precision": precision,
    "polars": by_polars,
}
for what, value in seen.items():
    print(f"{what:32} {value}")
assert by_pyarrow == written
assert (kind, by_duckdb, cast, precision) == ("DOUBLE", "90071992547409.92", "90071992547409.92", 40)
assert by_polars == "refused: precision must be between 1 and 38, got 40"
PYTHON
venv/bin/python look.py
