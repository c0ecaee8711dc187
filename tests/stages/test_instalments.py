"""Documents with several ledger entries, or with one over less than the document: by every route the ledger can be read."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from sync_engine.ports import Draft, Normalised, Normaliser
from tests.simulators.business_central.records import SalesDocument
from tests.stages.conftest import RigMaker
from tests.stages.happenings import small
from tests.stages.support import Rig
from tests.stages.truth import assert_sound, assert_true, open_invoices, true_open_invoices

LEDGERS = ("custom_api", "odata_page", "analytics", "reports_finance")
"""Routes that read ledger entries."""
TELLING = ("custom_api", "odata_page", "analytics")
"""Those that tell what remains of each."""
Rows = list[tuple[Any, ...]]


def _invoice(rig: Rig, total: int, parts: Sequence[int], currency: str = "") -> SalesDocument:
    """An invoice of the first customer whose ledger entries are over these parts."""
    company = rig.company
    draft = company.create_invoice(next(iter(company.customers)), amount=Decimal(total), currency=currency)
    return company.post_document(draft.id, parts=[Decimal(part) for part in parts])


def _pay(rig: Rig, invoice: SalesDocument, place: int, amount: int | None = None) -> None:
    entry = rig.company.entries_of_document(invoice)[place]
    rig.company.post_payment(
        invoice.bill_to_id,
        entry.remaining if amount is None else Decimal(amount),
        apply_to=str(entry.entry_no),
    )


def _instalments(rig: Rig, invoice: SalesDocument) -> Rows:
    return rig.rows(
        """
        SELECT i.number, i.amount, i.open_amount FROM canonical.instalment i JOIN canonical.document d ON d.id = i.document_id
        WHERE d.external_no = :n AND d.deleted_at IS NULL AND i.deleted_at IS NULL ORDER BY 1
        """,
        n=invoice.number,
    )


def _checks(rig: Rig) -> dict[str, tuple[str, Any]]:
    """Check -> verdict and figures, of the last cut."""
    rows = rig.rows("""
        SELECT "check", verdict, detail -> 'figures' FROM canonical.certificate WHERE cut_id = (SELECT max(cut_id) FROM canonical.cut)
        """)
    return {code: (verdict, figures) for code, verdict, figures in rows}


def _broken(rig: Rig, route: str) -> dict[str, Any]:
    """Checks of the last cut that break, with what differs; in base currency alone, payments in foreign currency do not add up (C7)."""
    found = dict(
        rig.rows("""
        SELECT "check", detail -> 'sample' FROM canonical.certificate WHERE verdict = 'breaks' AND cut_id = (SELECT max(cut_id) FROM canonical.cut)
        """)
    )
    return {code: sample for code, sample in found.items() if (code, route) != ("C7", "analytics")}


@pytest.mark.parametrize("route", LEDGERS)
@pytest.mark.parametrize("currency", ["", "EUR"])
def test_an_invoice_over_300_closed_and_600_open_owes_600(
    make_rig: RigMaker, route: str, currency: str
) -> None:
    """It is paid in part, whatever its header says of the first entry, and nothing of it appears as a journal."""
    rig = make_rig(route=route, world=small)
    invoice = _invoice(rig, 900, (300, 600), currency)
    _pay(rig, invoice, 0)
    rig.run_whole()
    row = rig.document(invoice.number)
    assert (row["total"], row["open_amount"], row["erp_status"], row["closed_date"]) == (
        900,
        600,
        "partially_paid",
        None,
    )
    assert _instalments(rig, invoice) == [(1, 300, 0), (2, 600, 600)]
    items = rig.rows(
        "SELECT instalment, total, open_amount, due_date FROM canonical.open_items WHERE number = :n",
        n=invoice.number,
    )
    assert items == [
        (
            2,
            600,
            600,
            rig.company.entries_of_document(invoice)[1].due_date
            if route != "reports_finance"
            else row["due_date"],
        )
    ]
    assert _broken(rig, route) == {}
    if route in TELLING:
        assert_true(rig)
    assert_sound(rig)


@pytest.mark.parametrize("route", LEDGERS)
def test_three_entries_of_300_are_one_invoice_of_900(make_rig: RigMaker, route: str) -> None:
    """They add up to the invoice, once, and are no duplicates of each other; due a month apart where the route tells when."""
    rig = make_rig(route=route, world=small)
    invoice = _invoice(rig, 900, (300, 300, 300))
    for _ in range(2):
        rig.run_whole()
        assert rig.rows(
            "SELECT sum(total), sum(open_amount) FROM canonical.document WHERE external_no = :n AND deleted_at IS NULL",
            n=invoice.number,
        ) == [(900, 900)]
        assert rig.rows(
            "SELECT count(*), sum(total), sum(balance_effect) FROM canonical.open_items WHERE number = :n",
            n=invoice.number,
        ) == [(3, 900, 900)]
        assert rig.document(invoice.number)["erp_status"] == "open"
        assert _broken(rig, route) == {}
        rig.advance(hours=1)
    if route != "reports_finance":
        rig.advance(days=45)
        rig.run_whole()
        late = [
            days
            for (days,) in rig.rows(
                "SELECT days_due FROM canonical.open_items WHERE number = :n ORDER BY instalment",
                n=invoice.number,
            )
        ]
        assert [a - b for a, b in pairwise(late)] == [30, 30]
        assert (
            rig.one(
                "SELECT count(DISTINCT bucket) FROM canonical.ageing WHERE debtor_id = :d",
                d=rig.document(invoice.number)["debtor_id"],
            )
            > 1
        )
    assert_sound(rig)


@pytest.mark.parametrize("route", LEDGERS)
def test_an_invoice_over_1100_whose_entry_is_1080_is_open(make_rig: RigMaker, route: str) -> None:
    """Withheld, discounted or rounded: nobody paid the 20, nobody owes them, and the row and the certificate say so."""
    rig = make_rig(route=route, world=small)
    invoice = _invoice(rig, 1100, (1080,))
    rig.run_whole()
    row = rig.document(invoice.number)
    assert (row["total"], row["open_amount"], row["erp_status"], row["ledger_difference"]) == (
        1100,
        1080,
        "open",
        20,
    )
    assert _instalments(rig, invoice) == [(1, 1080, 1080)]
    figures = _checks(rig)["C6"][1]["ledger_difference"]
    assert figures == {"documents": 1, "amounts": f"{row['currency']} 20.00"}
    _pay(rig, invoice, 0, 80)
    rig.advance(hours=1)
    rig.run_whole()
    row = rig.document(invoice.number)
    assert (row["open_amount"], row["erp_status"]) == (1000, "partially_paid")
    _pay(rig, invoice, 0)
    rig.advance(hours=1)
    rig.run_whole()
    row = rig.document(invoice.number)
    assert (row["open_amount"], row["erp_status"], row["ledger_difference"]) == (0, "paid", 20)
    assert _broken(rig, route) == {}
    assert_sound(rig)


@pytest.mark.parametrize("route", LEDGERS)
def test_instalments_of_less_than_their_invoice(make_rig: RigMaker, route: str) -> None:
    """Two entries of 540 under an invoice of 1100: both are its own, and 20 are withheld."""
    rig = make_rig(route=route, world=small)
    invoice = _invoice(rig, 1100, (540, 540))
    rig.run_whole()
    row = rig.document(invoice.number)
    assert (row["open_amount"], row["erp_status"], row["ledger_difference"]) == (1080, "open", 20)
    assert _instalments(rig, invoice) == [(1, 540, 540), (2, 540, 540)]
    assert_sound(rig)


def test_a_journal_under_the_number_of_a_split_invoice_stays_a_journal(make_rig: RigMaker) -> None:
    """Entries in a row that add up to the invoice are its own; what somebody typed under its number is another debt."""
    rig = make_rig(world=small)
    invoice = _invoice(rig, 900, (300, 600))
    rig.run()
    rig.company.post_journal_invoice(invoice.bill_to_id, Decimal(50), document_no=invoice.number)
    rig.advance(hours=1)
    rig.run()
    rows = rig.rows(
        "SELECT kind, total FROM canonical.document WHERE external_no = :n AND deleted_at IS NULL ORDER BY 2",
        n=invoice.number,
    )
    assert rows == [("journal", 50), ("invoice", 900)]
    assert_true(rig)
    assert_sound(rig)


def test_entries_that_arrive_one_by_one(make_rig: RigMaker) -> None:
    """Each joins the document it belongs to, and the change feed tells of the instalments that came later."""
    rig = make_rig(world=small)
    rig.run()
    invoice = _invoice(rig, 900, (300, 300, 300))
    late = [rig.company.entries.pop(x.entry_no) for x in rig.company.entries_of_document(invoice)[1:]]
    rows = [rig.company.ledger.pop(x.id) for x in late]
    rig.advance(hours=1)
    rig.run()
    assert _instalments(rig, invoice) == [(1, 300, 300)]
    for entry, row in zip(late, rows, strict=True):
        rig.company.entries[entry.entry_no] = entry
        rig.company.store(rig.company.ledger, row)
        rig.advance(hours=1)
        rig.run()
    assert _instalments(rig, invoice) == [(1, 300, 300), (2, 300, 300), (3, 300, 300)]
    assert rig.one("SELECT count(*) FROM canonical.change WHERE entity = 'instalment' AND op = 'create'") == 2
    assert (
        rig.document(invoice.number)["open_amount"],
        rig.document(invoice.number)["ledger_difference"],
    ) == (900, 0)
    assert_sound(rig)


def test_an_instalment_goes_with_its_document(make_rig: RigMaker) -> None:
    """The posted invoice is deleted in the ERP: its entries go on as journals, its instalments are tombstones."""
    rig = make_rig(world=small)
    invoice = _invoice(rig, 900, (300, 600))
    rig.run()
    rig.company.delete_posted(invoice.id)
    rig.advance(hours=30)
    rig.run()
    gone = rig.rows(
        """
        SELECT i.number, i.deleted_at IS NOT NULL FROM canonical.instalment i JOIN canonical.document d ON d.id = i.document_id
        WHERE d.external_id = :k ORDER BY 1
        """,
        k=invoice.id,
    )
    assert gone == [(1, True), (2, True)]
    rows = rig.rows(
        "SELECT kind, open_amount FROM canonical.document WHERE external_no = :n AND deleted_at IS NULL ORDER BY 2",
        n=invoice.number,
    )
    assert rows == [("journal", 300), ("journal", 600)]
    assert_sound(rig)


def test_without_a_ledger_a_document_has_the_one_instalment_its_header_tells(make_rig: RigMaker) -> None:
    """Headers alone know of one entry: the certificate says what is not seen (C13)."""
    rig = make_rig(route="invoices", world=small)
    invoice = _invoice(rig, 1100, (1080,))
    rig.run_whole()
    assert _instalments(rig, invoice) == [(1, 1100, 1080)]
    note = rig.one(
        """SELECT detail ->> 'note' FROM canonical.certificate WHERE "check" = 'C13' AND cut_id = (SELECT max(cut_id) FROM canonical.cut)"""
    )
    assert "instalments" in note
    assert open_invoices(rig) == true_open_invoices(rig.company)


def test_a_run_without_changes_writes_no_instalment(make_rig: RigMaker) -> None:
    """Nothing moved: not a row, not a change."""
    rig = make_rig(world=small)
    _invoice(rig, 900, (300, 600))
    rig.run()
    rig.advance(hours=1)
    assert "instalment" not in rig.run().cut.counts


class Splitting:
    """A normaliser that splits invoices into three parts, as the mapping of an ERP with instalments of its own would."""

    def __init__(self, whole: Normaliser) -> None:
        self._whole, self.version = whole, whole.version

    def normalise(self, entity: str, records: Sequence[tuple[str, bytes]]) -> Normalised:
        """The same, with parts of a third each, due a month apart; what remains of each is not said."""
        out = self._whole.normalise(entity, records)
        if entity == "salesInvoices":
            out.drafts = [draft._replace(instalments=self._parts(draft)) for draft in out.drafts]
        return out

    def _parts(self, draft: Draft) -> list[dict[str, Any]]:
        third = str(Decimal(draft.values["total"]) / 3)
        return (
            [{"number": n, "due_date": f"2026-0{n}-01", "amount": third} for n in (1, 2, 3)]
            if third == "100"
            else []
        )


def test_a_mapping_may_split_a_document_itself(make_rig: RigMaker) -> None:
    """Without a ledger: what is open of the document is shared out, the earliest first, and marked until it is told again."""
    rig = make_rig(route="invoices", world=small)
    rig.wrap = Splitting
    invoice = rig.company.post_invoice(next(iter(rig.company.customers)), Decimal(300), currency="")
    rig.run()
    parts = "SELECT number, open_amount, why_inexact IS NULL FROM canonical.instalment WHERE document_id = :d AND deleted_at IS NULL ORDER BY 1"
    assert rig.rows(parts, d=rig.document(invoice.number)["id"]) == [
        (1, 100, True),
        (2, 100, True),
        (3, 100, True),
    ]
    rig.company.pay_invoice(invoice.id, Decimal(150))
    rig.advance(hours=1)
    rig.run()
    assert rig.rows(parts, d=rig.document(invoice.number)["id"]) == [
        (1, 0, False),
        (2, 50, False),
        (3, 100, False),
    ]
    items = rig.rows(
        "SELECT instalment, open_amount, is_exact FROM canonical.open_items WHERE number = :n ORDER BY 1",
        n=invoice.number,
    )
    assert items == [(2, 50, False), (3, 100, False)]
    rig.company.pay_invoice(invoice.id)
    rig.advance(hours=1)
    rig.run()
    assert rig.rows(parts, d=rig.document(invoice.number)["id"]) == [(1, 0, True), (2, 0, True), (3, 0, True)]
    assert_sound(rig)


def test_a_promise_for_one_instalment_is_not_one_for_the_others(make_rig: RigMaker) -> None:
    """The ledger has the promise on its entry; what collections promise for the document holds for all of it."""
    rig = make_rig(world=small)
    invoice = _invoice(rig, 900, (300, 600))
    day, later = rig.company.today() + timedelta(days=10), rig.company.today() + timedelta(days=20)
    rig.company.entries_of_document(invoice)[1].promised_pay_date = day
    rig.run()
    promised = "SELECT instalment, promised_date FROM canonical.open_items WHERE number = :n ORDER BY 1"
    assert rig.rows(promised, n=invoice.number) == [(1, None), (2, day)]
    rig.execute(
        """
        INSERT INTO canonical.claim_inbox (entity, record_id, field, value, said_by)
        VALUES ('document', :d, 'promised_date', to_jsonb(CAST(:on AS text)), 'mia')
        """,
        d=rig.document(invoice.number)["id"],
        on=later.isoformat(),
    )
    rig.run()
    assert rig.rows(promised, n=invoice.number) == [(1, later), (2, later)]
