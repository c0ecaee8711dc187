"""Records of Business Central as the tests of its mapping write them."""

from __future__ import annotations

import json
from typing import Any

from mappings.business_central import BusinessCentralMapping, plugin
from sync_engine.ports import Normalised

NULL = "00000000-0000-0000-0000-000000000000"
BILLED = "5de545bc-f6f9-ef11-9344-6045bdc8c234"
SOLD = "e0dddcf8-b3d3-ee11-904f-6045bde9c6f5"
CONTACT = "91253caa-82de-ed11-884e-6045bdac97e2"


def normalise(entity: str, *rows: dict[str, Any], **settings: Any) -> Normalised:
    """What becomes of some rows; their keys are 0, 1, ..."""
    normaliser = plugin.normaliser("bc", BusinessCentralMapping.model_validate(settings))
    return normaliser.normalise(entity, [(str(n), json.dumps(row).encode()) for n, row in enumerate(rows)])


def draft(entity: str, row: dict[str, Any], **settings: Any) -> dict[str, Any]:
    """The values of the only draft."""
    (only,) = normalise(entity, row, **settings).drafts
    return only.values


def excluded(entity: str, row: dict[str, Any], **settings: Any) -> str:
    """Why the only row was left out."""
    (only,) = normalise(entity, row, **settings).excluded
    return only.reason


def invoice(**said: Any) -> dict[str, Any]:
    """An invoice of 100, wholly open, with these fields otherwise."""
    row = {
        "billToCustomerId": BILLED,
        "customerId": SOLD,
        "number": "103219",
        "totalAmountIncludingTax": 100,
        "remainingAmount": 100,
        "status": "Open",
    }
    return row | said


def refused(entity: str, row: dict[str, Any]) -> tuple[str, str]:
    """Field and words of why the only row cannot be used."""
    ((_, why),) = normalise(entity, row).failed
    return str(getattr(why, "field", "")), why.what
