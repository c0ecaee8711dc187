"""Lines against the amounts of their document: what is missing is told, what Business Central rounds and discounts is not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mappings.business_central import plugin
from sync_engine.ports import Normalised

NORMALISER = plugin.normaliser("bc", plugin.settings())
BILLED = "5de545bc-f6f9-ef11-9344-6045bdc8c234"


def line(net: float, gross: float | None = None) -> dict[str, Any]:
    """A line; without tax unless its gross amount is given."""
    return {"netAmount": net, "netAmountIncludingTax": net if gross is None else gross}


def invoice(*lines: dict[str, Any], **said: Any) -> dict[str, Any]:
    """A posted invoice of 100 without and 125 with tax, with these lines."""
    head = {
        "billToCustomerId": BILLED,
        "number": "103219",
        "status": "Paid",
        "totalAmountExcludingTax": 100,
        "totalAmountIncludingTax": 125,
    }
    return head | {"salesInvoiceLines": list(lines)} | said


def normalised(row: dict[str, Any], entity: str = "salesInvoices") -> Normalised:
    """What one document becomes."""
    return NORMALISER.normalise(entity, [("k", json.dumps(row).encode())])


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (invoice(line(40, 50), line(40, 50)), "2 lines add up to 80 without tax, the document says 100"),
        (invoice(), "0 lines add up to 0 without tax, the document says 100"),
        (invoice(line(99.9, 124.88), discountAmount=20), "1 lines add up to 99.9 without tax"),
        (
            invoice(line(80, 100), totalAmountExcludingTax=None),
            "add up to 100 with tax, the document says 125",
        ),
    ],
    ids=["two of three lines", "no line", "a discount that does not explain it", "only amounts with tax"],
)
def test_missing_lines_are_told(row: dict[str, Any], why: str) -> None:
    """2 of 3 lines sent, net 80 of 100: the document waits, in words that say what does not add up."""
    ((_, error),) = normalised(row).failed
    assert why in str(error)
    assert "lines are missing" in str(error)


@pytest.mark.parametrize(
    "row",
    [
        invoice(line(40, 50), line(40, 50), line(20, 25)),
        invoice(
            line(33.34, 41.68),
            line(33.33, 41.66),
            line(33.33, 41.66),
            totalAmountExcludingTax=99.99,
            totalAmountIncludingTax=124.99,
        ),
        invoice(line(60, 75), line(60, 75), discountAmount=20),
        invoice(line(100, 130)),
        invoice(line(125, 125)),
        invoice(line(100, 125), line(0, 0)),
        invoice(line(150, 187.5), line(-50, -62.5)),
        invoice({"netAmount": None}),
        invoice(line(1), status="Draft"),
        invoice(salesInvoiceLines=None),
        invoice(line(123456789012345.67), totalAmountExcludingTax=123456789012345.67),
    ],
    ids=[
        "whole",
        "tax rounded by line",
        "a discount no line carries",
        "tax that differs",
        "prices with tax",
        "a comment line",
        "a negative line",
        "amounts not told",
        "a draft",
        "lines not read",
        "an amount beyond floats",
    ],
)
def test_what_is_explained_is_not_missing(row: dict[str, Any]) -> None:
    """Rounding, discounts and tax are Business Central's own."""
    assert normalised(row).failed == []


def test_credit_memos_are_held_to_the_same() -> None:
    """Their amounts are positive, as are those of their lines."""
    row = invoice() | {"salesCreditMemoLines": [line(40, 50)]}
    ((_, error),) = normalised(row, "salesCreditMemos").failed
    assert "salesCreditMemoLines" in vars(error)["field"]
