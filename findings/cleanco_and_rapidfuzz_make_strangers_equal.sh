#!/usr/bin/env bash
# Cleaned by cleanco and compared by rapidfuzz, two strangers are the same company: 100 of 100.
#
# cleanco takes legal forms off both ends until nothing is left: "SAS AB" (an airline) and "SE A/S" (a utility) are both ''.
# rapidfuzz's ratio of two empty texts is 100 (token_set_ratio, WRatio and QRatio say 0). So a pipeline that cleans first and scores
# after merges every company whose name is a legal form somewhere. The raw names score 50.
# Seen with cleanco 2.3, rapidfuzz 3.14.6 on Python 3.11. Fails when any of this changes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check cleanco==2.3 rapidfuzz==3.14.6
cd "$folder"
cat > look.py <<'PYTHON'
from cleanco import basename
from rapidfuzz import fuzz

ours, theirs = "SAS AB", "SE A/S"
cleaned = basename(ours), basename(theirs)
scores = {
    score.__name__: score(*cleaned) for score in (fuzz.ratio, fuzz.token_sort_ratio, fuzz.token_set_ratio, fuzz.WRatio)
}
print(f"{ours!r} and {theirs!r}: raw {fuzz.ratio(ours, theirs)}, cleaned {cleaned}: {scores}")
assert fuzz.ratio(ours, theirs) == 50.0
assert cleaned == ("", "")
assert scores["ratio"] == 100.0
assert scores["token_set_ratio"] == scores["WRatio"] == 0.0
PYTHON
venv/bin/python look.py
