#!/usr/bin/env bash
# SQLAlchemy reads two different entries of an SQLite ledger as equal through a reflected table, without a warning.
#
# SQLite holds 9007199254740992 and 9007199254740993 (whole amounts in the smallest unit, or long keys in a NUMERIC column) exactly. Through
# a reflected table both are Decimal('9007199254740992.0000000000'): the type converts through a double with ten digits. The warning of
# earlier versions ("does not support Decimal objects natively") is not given. Raw SQL on the same connection reads both right.
# Seen with sqlalchemy 2.1.9 on Python 3.11. Fails when any of this changes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check sqlalchemy==2.1.9
cd "$folder"
cat > look.py <<'PYTHON'
import warnings
from decimal import Decimal

import sqlalchemy as sa

warnings.simplefilter("error")
with sa.create_engine("sqlite://").begin() as connection:
    connection.exec_driver_sql("CREATE TABLE entry (no INTEGER PRIMARY KEY, amount NUMERIC)")
    connection.exec_driver_sql("INSERT INTO entry VALUES (1, 9007199254740992), (2, 9007199254740993)")
    raw = connection.exec_driver_sql("SELECT amount FROM entry ORDER BY no").scalars().all()
    entry = sa.Table("entry", sa.MetaData(), autoload_with=connection)
    reflected = connection.execute(sa.select(entry.c.amount).order_by(entry.c.no)).scalars().all()
print(f"raw {raw}; reflected {reflected}")
assert raw == [9007199254740992, 9007199254740993]
assert reflected == [Decimal("9007199254740992.0000000000")] * 2
PYTHON
venv/bin/python look.py
