#!/usr/bin/env bash
# msgspec checks the encoding of the members it decodes; of those it skips or keeps raw it checks something else.
#
# Reading a few members of a JSON object through a Struct is the quick way to look at a page of records. What the Struct
# does not name is skipped, and what it names as msgspec.Raw is kept as it came. Bytes that are not UTF-8 in such a value
# are passed without a word, although the same bytes in a decoded member are refused. Half a surrogate pair, written as an
# escape, is the other way round: it is refused in the skipped member too, so one cut text costs the whole page, while the
# bytes in Latin-1 beside it reach whoever reads the record next.
# A reader that promises UTF-8 has to check the page itself (bytes.decode), and to cut a page apart where one record is bad.
# Seen with msgspec 0.22.0 on Python 3.11; the standard library's json refuses the first and takes the second.
# Fails when any of this changes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check msgspec==0.22.0
cd "$folder"
cat > look.py <<'PYTHON'
import json

import msgspec


class Looked(msgspec.Struct):
    id: int


class Kept(msgspec.Struct):
    id: int
    name: msgspec.Raw


class Decoded(msgspec.Struct):
    id: int
    name: str


def asked(read, body):
    try:
        read(body)
    except (msgspec.DecodeError, ValueError) as refusal:
        return f"refused ({type(refusal).__name__})"
    return "read"


latin = '{"id": 1, "name": "Müller"}'.encode("latin-1")
half = b'{"id": 1, "name": "cut in half \\ud83c"}'
seen = {
    (how, what): asked(read, body)
    for what, body in (("Latin-1 bytes", latin), ("half a pair", half))
    for how, read in (
        ("skipped", lambda b: msgspec.json.decode(b, type=Looked)),
        ("kept raw", lambda b: msgspec.json.decode(b, type=Kept)),
        ("decoded", lambda b: msgspec.json.decode(b, type=Decoded)),
        ("json", json.loads),
    )
}
for (how, what), answer in seen.items():
    print(f"{what:14} {how:9} {answer}")
assert [seen[how, "Latin-1 bytes"] == "read" for how in ("skipped", "kept raw", "decoded", "json")] == [True, True, False, False]
assert [seen[how, "half a pair"] == "read" for how in ("skipped", "kept raw", "decoded", "json")] == [False, False, False, True]
PYTHON
venv/bin/python look.py
