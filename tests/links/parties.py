"""One debtor everybody knows, and records that may be the same."""

from __future__ import annotations

from typing import Any

from sync_engine.matching.ladder import (
    Circumstances,
    Known,
    Outcome,
    climb,
)
from sync_engine.matching.similarity import Party

HANSEN = Party("erp", "E1", "one", number="10000", registration_no="31415926", vat_no="DK31415926", country="DK", name="HANSEN & SØN A/S",
               email="bogholderi@hansen.dk", phone="+45 12 34 56 78", postcode="8000")  # fmt: skip
ROLES = {"erp": "erp", "crm": "crm", "second": "erp"}


def crm(key: str = "C1", **said: Any) -> Party:
    """A record of the CRM without a link."""
    return Party("crm", key, **said)


def outcome(party: Party, *known: Party, circumstances: Circumstances | None = None) -> Outcome:
    """What becomes of one record."""
    return climb([party], Known(known or (HANSEN,)), circumstances or Circumstances(roles=ROLES))[party.key]
