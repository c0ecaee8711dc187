"""The law of instalments: however documents are split and paid, their parts add up to them, and they to the debtor's balance.

PROPERTY_EXAMPLES sets how many companies are tried.
"""

from __future__ import annotations

import os
import tempfile
from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.stages.happenings import small
from tests.stages.snapshots import another_database
from tests.stages.support import Rig, bench_of, rig_on
from tests.stages.truth import assert_sound

EXAMPLES = int(os.environ.get("PROPERTY_EXAMPLES", "3"))
TELLING = ("custom_api", "odata_page", "analytics")
"""Routes that tell what remains of every entry."""


class Split(NamedTuple):
    """A document: its entries in cents, what is withheld of it, and which share of each entry is paid in a first and a second week."""

    is_credit: bool
    parts: list[int]
    withheld: int
    first: list[int]
    second: list[int]


@st.composite
def splits(draw: st.DrawFn) -> Split:
    """Up to four entries of any amount; every one unpaid, paid in part, or closed, at once or in two goes."""
    parts = draw(st.lists(st.integers(1, 200_000), min_size=1, max_size=4))
    shares = st.lists(st.sampled_from([0, 0, 25, 50, 100]), min_size=len(parts), max_size=len(parts))
    withheld = draw(st.sampled_from([0, 0, 1, 5_00]))
    return Split(draw(st.booleans()), parts, withheld, draw(shares), draw(shares))


def _post(rig: Rig, customer: str, split: Split) -> str:
    company, parts = rig.company, [Decimal(part) / 100 for part in split.parts]
    make = company.create_credit_memo if split.is_credit else company.create_invoice
    return company.post_document(
        make(customer, amount=sum(parts) + Decimal(split.withheld) / 100, currency="").id, parts=parts
    ).id


def _settle(rig: Rig, document: str, shares: list[int]) -> None:
    company, row = rig.company, rig.company.document(document)
    for entry, share in zip(company.entries_of_document(row), shares, strict=True):
        amount = (abs(entry.remaining) * share / 100).quantize(Decimal("0.01"))
        if amount and entry.remaining > 0:
            company.post_payment(row.bill_to_id, amount, apply_to=str(entry.entry_no))
        elif amount:
            company.post_refund(row.bill_to_id, amount, apply_to=entry.entry_no)


def _assert_parts_are_wholes(rig: Rig) -> None:
    company = rig.company
    truth: defaultdict[str, Decimal] = defaultdict(Decimal)
    for entry in company.entries.values():
        truth[entry.customer_id] += entry.remaining_lcy
    balances = dict(
        rig.rows("""
        SELECT l.external_id, sum(b.balance_base) FROM canonical.debtor_balance b
        JOIN canonical.link l ON l.entity = 'debtor' AND l.source = b.source AND l.canonical_id = b.debtor_id GROUP BY 1
        """)
    )
    assert {k: v for k, v in balances.items() if v} == {k: v for k, v in truth.items() if v}
    parts = rig.rows(
        """
        SELECT d.external_id, d.open_amount, sum(i.open_amount), d.total - d.ledger_difference, sum(i.amount), count(*), d.erp_status, count(i.why_inexact)
        FROM canonical.document d JOIN canonical.instalment i ON i.document_id = d.id AND i.deleted_at IS NULL
        WHERE d.deleted_at IS NULL AND d.external_id NOT LIKE 'ledger/%' AND d.currency = :local GROUP BY d.id
        """,
        local=company.local_currency,
    )
    documents = {
        x.id: x
        for x in (*company.invoices.values(), *company.credit_memos.values())
        if x.posted and not x.currency_code
    }
    assert {row[0] for row in parts} == set(documents)
    for key, whole, opened, asked, amount, n, status, inexact in parts:
        entries = company.entries_of_document(documents[key])
        still = abs(sum((x.remaining for x in entries), Decimal(0)))
        assert (whole, opened, asked, n, inexact) == (still, still, amount, len(entries), 0)
        paid = "paid" if not still else "open" if still == amount else "partially_paid"
        assert documents[key].cancelled or status == paid, (key, status)


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(route=st.sampled_from(TELLING), found=st.lists(splits(), min_size=1, max_size=6))
@example(
    route="custom_api",
    found=[Split(False, [300_00, 600_00], 0, [100, 0], [0, 0]), Split(False, [1080_00], 20_00, [0], [0])],
)
@example(
    route="analytics",
    found=[
        Split(False, [300_00] * 3, 0, [0, 50, 0], [100, 0, 0]),
        Split(True, [100_00, 50_00], 5_00, [50, 0], [0, 100]),
    ],
)
def test_instalments_add_up_to_documents_and_documents_to_balances(
    monkeypatch: pytest.MonkeyPatch,
    migrated_template: str,
    route: str,
    found: list[Split],
) -> None:
    """Read once before anything is paid, once between the two weeks and once after."""
    with (
        tempfile.TemporaryDirectory() as folder,
        another_database(migrated_template) as url,
        rig_on(bench_of(monkeypatch, world=small), url, Path(folder), route=route) as rig,
    ):
        customers = list(rig.company.customers)
        documents = [
            _post(rig, customers[place % len(customers)], split) for place, split in enumerate(found)
        ]
        for week in ("posted", "first", "second"):
            if week != "posted":
                rig.advance(days=7)
                for document, split in zip(documents, found, strict=True):
                    _settle(rig, document, getattr(split, week))
            rig.run()
            _assert_parts_are_wholes(rig)
        assert_sound(rig)
