"""Whether the lines of a document add up to what its head says: where they do not, some of them did not arrive.

Business Central sums lines into the head itself, so the two differ for reasons that are known: `netAmount` is after the line's
share of the invoice discount, and where that is not shared out the head alone has it (`discountAmount`); tax is rounded by line
or by document. A head ties when its amount without tax or its amount with tax does. [facts: salesInvoiceLines]
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from math import fsum
from typing import Any

_ROUNDING = 0.01
"""Per line: each is rounded to the cent by itself."""
_FLOAT = 1e-12
_PAIRS = (("subtotal", "net", "without tax"), ("total", "gross", "with tax"))


def untied(head: dict[str, Any], lines: Sequence[dict[str, Any]], discount: str | None) -> str:
    """Why the lines cannot be all of the document's; empty where they add up, or where amounts to compare are not told."""
    why = ""
    for of_head, of_line, words in _PAIRS:
        said = head.get(of_head)
        if said is None:
            continue
        try:
            amounts = [float(line[of_line]) for line in lines]
        except (KeyError, TypeError):
            continue
        off = abs(fsum(amounts) - float(said))
        if off <= _ROUNDING:
            return ""
        slack = _ROUNDING * max(1, len(amounts)) + _FLOAT * abs(float(said))
        if off <= slack or (discount is not None and abs(off - float(discount)) <= slack):
            return ""
        exact = sum((Decimal(line[of_line]) for line in lines), Decimal(0))
        why = (
            why
            or f"{len(amounts)} lines add up to {exact} {words}, the document says {said}: lines are missing"
        )
    return why
