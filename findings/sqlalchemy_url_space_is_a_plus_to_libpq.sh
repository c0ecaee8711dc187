#!/usr/bin/env bash
# A PostgreSQL URL that SQLAlchemy writes means another folder to libpq when the socket's path has a space.
#
# URL.create(..., query={"host": "/var/lib/my data"}) is rendered with a plus for the space, as forms do. libpq and psycopg decode %20 only
# and take the plus as it is: they look for a socket in "/var/lib/my+data". SQLAlchemy itself reads its own text back right, so the
# engine connects and pg_dump, psql or psycopg with the same text do not. Rewriting + as %20 in the query serves both.
# Seen with sqlalchemy 2.1.9, psycopg 3.3.9 on Python 3.11. Fails when any of this changes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check sqlalchemy==2.1.9 'psycopg[binary]==3.3.9'
cd "$folder"
cat > look.py <<'PYTHON'
import sqlalchemy as sa
from psycopg.conninfo import conninfo_to_dict

FOLDER = "/var/lib/my data"
text = sa.URL.create("postgresql", query={"host": FOLDER}).render_as_string(hide_password=False)
to_libpq = conninfo_to_dict(text)["host"]
to_sqlalchemy = sa.make_url(text).query["host"]
rewritten = text.replace("+", "%20")
print(f"{text}: libpq {to_libpq!r}, SQLAlchemy {to_sqlalchemy!r}")
assert to_sqlalchemy == FOLDER
assert to_libpq == "/var/lib/my+data"
assert conninfo_to_dict(rewritten)["host"] == sa.make_url(rewritten).query["host"] == FOLDER
PYTHON
venv/bin/python look.py
