"""Documents on their way: drafts, posting, disputes, deletion, rows without a stamp and commits older than theirs."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

from tests.stages.conftest import RigMaker
from tests.stages.support import Rig
from tests.stages.truth import assert_sound, assert_true


def _settle(rig: Rig) -> None:
    rig.advance(hours=1)
    rig.run()
    assert_true(rig)
    assert_sound(rig)


def _customer(rig: Rig) -> str:
    return next(iter(rig.company.customers.values())).id


def test_a_draft_is_excluded_and_appears_when_posted(rig: Rig) -> None:
    """A draft is no receivable; posted it keeps its id, takes a new number and new line ids. [cases 9, 10]"""
    lines: list[dict[str, object]] = [
        {"description": "Röda rör", "quantity": 2, "unit_price": Decimal(40)},
        {"description": "Frakt", "quantity": 1, "unit_price": Decimal(5)},
    ]
    draft = rig.company.create_invoice(_customer(rig), lines=lines)
    rig.run()
    assert rig.record("salesInvoices", draft.id)["state"] == 2
    assert rig.one("SELECT count(*) FROM canonical.document WHERE external_id = :k", k=draft.id) == 0
    rig.advance(hours=1)
    posted = rig.company.post_document(draft.id)
    _settle(rig)
    row = rig.document(posted.number)
    assert (row["external_id"], row["total"]) == (draft.id, Decimal(85))
    published = rig.rows(
        "SELECT external_id, description FROM canonical.document_line WHERE document_id = :d", d=row["id"]
    )
    assert {x for x, _ in published} == {line.id for line in posted.lines}


def test_a_released_draft_reads_open_and_is_not_owed(rig: Rig) -> None:
    """Open is also what a released draft says: without a ledger entry it is no receivable, and waits for its posting."""
    draft = rig.company.create_invoice(_customer(rig), amount=Decimal(500))
    rig.company.release(draft.id)
    rig.run()
    assert_true(rig)
    assert rig.record("salesInvoices", draft.id)["reason"].startswith("not posted")
    rig.advance(hours=1)
    rig.company.post_document(draft.id)
    _settle(rig)


def test_a_released_draft_can_be_deleted(rig: Rig) -> None:
    """A released draft that is thrown away leaves nothing behind, also in staging."""
    draft = rig.company.create_invoice(_customer(rig), amount=Decimal(500))
    rig.company.release(draft.id)
    rig.run()
    rig.company.delete_draft(draft.id)
    rig.run(full=True)
    assert_true(rig)
    assert rig.one("SELECT count(*) FROM staging.bc__document") == 0


def test_posted_with_new_lines_drops_the_old_ones(make_rig: RigMaker) -> None:
    """Where drafts are published too, posting replaces their lines: none is left of the draft's. [case 10]"""
    rig = make_rig(mapping={"drafts": True})
    lines: list[dict[str, object]] = [
        {"description": name, "quantity": 1, "unit_price": Decimal(4)} for name in ("one", "two")
    ]
    draft = rig.company.create_invoice(_customer(rig), lines=lines)
    rig.run()
    before = rig.document(draft.number)
    assert (
        before["erp_status"],
        rig.one("SELECT count(*) FROM canonical.document_line WHERE document_id = :d", d=before["id"]),
    ) == ("draft", 2)
    rig.advance(hours=1)
    posted = rig.company.post_document(draft.id)
    _settle(rig)
    after = rig.document(posted.number)
    assert after["id"] == before["id"]
    published = rig.rows(
        "SELECT external_id FROM canonical.document_line WHERE document_id = :d", d=after["id"]
    )
    assert {key for (key,) in published} == {line.id for line in posted.lines}


def test_disputes_promises_and_new_due_dates_arrive_and_go(rig: Rig) -> None:
    """What collections does in the ERP reaches the document, and is taken back when it is taken back there."""
    invoice = next(x for x in rig.company.invoices.values() if x.posted and rig.company.remaining_of(x))
    rig.run()
    rig.advance(hours=1)
    rig.company.dispute(invoice.id, "QUALITY")
    rig.company.promise(invoice.id, date(2026, 4, 1))
    rig.company.postpone(invoice.id, date(2026, 4, 15))
    _settle(rig)
    row = rig.document(invoice.number)
    assert row["dispute_reason"]
    assert (row["collection_status"], row["promised_date"], row["due_date"]) == (
        "disputed",
        date(2026, 4, 1),
        date(2026, 4, 15),
    )
    rig.advance(hours=1)
    rig.company.dispute(invoice.id, None)
    rig.company.promise(invoice.id, None)
    _settle(rig)
    row = rig.document(invoice.number)
    assert (row["dispute_reason"], row["promised_date"], row["collection_status"]) == (None, None, "none")


def test_a_deleted_posted_document_leaves_its_receivable(rig: Rig) -> None:
    """Deleting a printed invoice removes the document, not the debt: the ledger entry stands for it from then on."""
    invoice = next(x for x in rig.company.invoices.values() if x.posted and rig.company.remaining_of(x))
    rig.run()
    old = rig.document(invoice.number)["id"]
    rig.company.delete_posted(invoice.id)
    rig.advance(hours=1)
    rig.run(full=True)
    row = rig.document(invoice.number)
    assert row["id"] != old
    assert (row["external_id"], row["open_amount"]) == (
        f"ledger/{invoice.entry_no}",
        rig.company.entry(invoice.entry_no or 0).remaining,
    )
    assert_true(rig)
    assert_sound(rig)
    assert rig.one("SELECT deleted_at IS NOT NULL FROM canonical.document WHERE id = :i", i=old)


def test_rows_without_a_stamp_are_found(rig: Rig) -> None:
    """A row of a copied company carries 0001-01-01 as its stamp; an incremental run asks for those too. [case 2]"""
    rig.run()
    rig.advance(hours=5)
    customer = rig.company.create_customer("Copied & Pasted")
    invoice = rig.company.post_invoice(customer.id, Decimal(17))
    rig.company.forget_stamp("customers", customer.id)
    rig.company.forget_stamp("salesInvoices", invoice.id)
    _settle(rig)
    assert rig.document(invoice.number)["open_amount"] == 17
    assert rig.debtor(customer.number)["source_modified_at"] is None


def test_a_commit_older_than_its_stamp_is_not_missed(rig: Rig) -> None:
    """A transaction that commits ten minutes after its stamp lies before the cursor; the overlap reads it all the same."""
    rig.run()
    rig.advance(hours=1)
    rig.company.create_customer("On time")
    rig.run()
    with rig.bench.simulator.world.committed_late(timedelta(minutes=10)):
        late = rig.company.create_customer("Committed late")
        invoice = rig.company.post_invoice(late.id, Decimal(31))
    rig.run()
    assert rig.document(invoice.number)["open_amount"] == 31
    assert_true(rig)
