#!/usr/bin/env bash
# mt-940 reads a returned payment (RC, a credit taken back) as money received: the statement no longer adds up.
#
# In MT940 a C entry is money in, and RC reverses one: money out. mt-940 gives D entries a minus and leaves RC positive, so a
# statement of +150.00 and its reversal reads as 300.00, while the balances in the same file say 0.00. Nobody notices unless he checks
# opening balance + entries = closing balance. bankstatementparser 0.0.29 gives RC a minus.
# Seen with mt-940 5.1.1 on Python 3.11. Fails when any of this changes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check mt-940==5.1.1
cd "$folder"
cat > look.py <<'PYTHON'
from decimal import Decimal

import mt940

STATEMENT = """:20:STATEMENT1
:25:DE89370400440532013000
:28C:1/1
:60F:C260701EUR1000,00
:61:2607020702CR150,00NTRFINV900//B1
:86:payment of invoice 900
:61:2607030703RC150,00NTRFINV900//B2
:86:payment of invoice 900 returned
:62F:C260703EUR1000,00
"""
read = mt940.parse(STATEMENT)
entries = [(entry.data["status"], entry.data["amount"].amount) for entry in read]
opening, closing = (read.data[f"final_{which}_balance"].amount.amount for which in ("opening", "closing"))
print(f"entries {entries}; opening {opening} + entries = {opening + sum(amount for _, amount in entries)}, closing says {closing}")
assert entries == [("C", Decimal("150.00")), ("RC", Decimal("150.00"))]
assert (opening, closing) == (Decimal("1000.00"), Decimal("1000.00"))
PYTHON
venv/bin/python look.py
