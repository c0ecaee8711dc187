"""Prints records a second through `normalise`: `python -m tests.mappings.speed`. A measurement, not a test."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from mappings.business_central import plugin

GOLDEN = Path(__file__).parent / "golden"


def records(entity: str, case: str, count: int) -> list[tuple[str, bytes]]:
    """A golden payload many times over, with other numbers; invoices with three lines."""
    row = json.loads((GOLDEN / entity / f"{case}.json").read_bytes())
    if "salesInvoiceLines" in row:
        (line,) = row["salesInvoiceLines"]
        row["salesInvoiceLines"] += [
            line | {"netAmount": 0, "netTaxAmount": 0, "netAmountIncludingTax": 0}
        ] * 2
    return [(str(n), json.dumps(row | {"number": f"N{n:07d}"}).encode()) for n in range(count)]


def main() -> None:
    """The best of five passes for each entity."""
    normaliser = plugin.normaliser("speed", plugin.settings())
    for entity, case in (
        ("salesInvoices", "live-103219-with-line"),
        ("customers", "live-trey-research"),
        ("contacts", "live-chase-whitman"),
    ):
        batch = records(entity, case, 10_000)
        best = 0.0
        for _ in range(5):
            started = time.perf_counter()
            done = len(normaliser.normalise(entity, batch).drafts)
            best = max(best, done / (time.perf_counter() - started))
        sys.stdout.write(f"{entity}: {best:,.0f} records/s, {len(batch[0][1])} bytes each\n")


if __name__ == "__main__":
    main()
