#!/usr/bin/env bash
# python-stdnum has no spelling of a Swiss company's number that both of its modules take.
#
# One company writes CHE-107.787.577, ... MWST, ... TVA or ... HR/MWST, by language and document. ch.uid takes the bare number only;
# ch.vat takes MWST, TVA and IVA only, keeps the suffix (so one company has three compact numbers, unequal as text) and refuses the
# commercial register's HR/MWST. Whoever compares must cut the suffix himself before ch.uid.
# Seen with python-stdnum 2.2 on Python 3.11. Fails when any of this changes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check python-stdnum==2.2
cd "$folder"
cat > look.py <<'PYTHON'
from stdnum.ch import uid, vat
from stdnum.exceptions import ValidationError

NUMBER = "CHE-107.787.577"  # the example of the library's own documentation


def tried(module, number):
    try:
        return module.validate(number)
    except ValidationError as refusal:
        return type(refusal).__name__


table = {
    suffix: (tried(uid, NUMBER + suffix), tried(vat, NUMBER + suffix)) for suffix in ("", " MWST", " TVA", " IVA", " HR/MWST")
}
for suffix, (as_uid, as_vat) in table.items():
    print(f"{NUMBER + suffix:26} ch.uid {as_uid:15} ch.vat {as_vat}")
assert table == {
    "": ("CHE107787577", "InvalidLength"),
    " MWST": ("InvalidLength", "CHE107787577MWST"),
    " TVA": ("InvalidLength", "CHE107787577TVA"),
    " IVA": ("InvalidLength", "CHE107787577IVA"),
    " HR/MWST": ("InvalidLength", "InvalidLength"),
}
PYTHON
venv/bin/python look.py
