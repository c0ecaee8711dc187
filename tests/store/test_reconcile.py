"""The controls: each check holds on a true cut, breaks on the fault it is there for, and says where to look."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from uuid import uuid4

import pytest

from sync_engine.store.controls import read_certificate
from tests.store.book import RUN, STATED, Book, T, check, total


def test_a_true_cut_is_graded_a(book: Book) -> None:
    """Every check but the roll-forward is answered by what the source states, and holds."""
    book.ordinary()
    certificate = book.certify(*STATED)
    assert {c.code: c.verdict for c in certificate.checks} == {
        f"C{n}": "not_answerable" if n == 10 else "holds" for n in (*range(1, 13), 14)
    }
    assert (certificate.grade, certificate.answered, len(certificate.counting), certificate.money_tied) == (
        "A",
        12,
        13,
        True,
    )
    assert (check(certificate, "C3").source_value, check(certificate, "C3").canonical_value) == (
        "EUR 95.00",
        "EUR 95.00",
    )


def test_what_the_source_does_not_state_is_not_answerable_and_says_why(book: Book) -> None:
    """No figure, no verdict; where it could not be asked, the reason is in the certificate."""
    book.ordinary()
    certificate = book.certify(unanswered={"customers": "the login may not read balances"})
    assert [c.code for c in certificate.checks if c.verdict == "not_answerable"] == ["C5", "C8", "C9", "C10"]
    assert "the login may not read balances" in check(certificate, "C5").note
    assert check(certificate, "C3").note.startswith("Compared with the ledger entries as received")


def test_a_certificate_is_read_as_it_was_written(book: Book) -> None:
    """Differences, classes and figures survive the database; the view grades it the same."""
    book.ordinary()
    book.invoice(7, 7, external_no="twice")
    book.invoice(7, 7, external_no="twice")
    certificate = book.certify(*STATED)
    again = read_certificate(book.connection, certificate.cut_id)
    assert again is not None
    written, read = (
        [(c.code, c.verdict, dict(c.classes), c.sample) for c in x.checks] for x in (certificate, again)
    )
    assert read == written
    assert (again.grade, book.one("SELECT grade FROM canonical.grade")[0]) == (
        certificate.grade,
        certificate.grade,
    )
    assert read_certificate(book.connection, 10**6) is None


def test_a_lost_document_blocks(book: Book) -> None:
    """C1: a usable record that canonical does not have is the one thing that must never happen."""
    book.ordinary()
    book.record("salesInvoices", "lost")
    certificate = book.certify()
    broken = check(certificate, "C1")
    assert (broken.verdict, broken.blocking, certificate.grade) == ("breaks", True, "D")
    assert ("document", "lost", "missing") in {(d.what, d.key, d.reason) for d in broken.sample}


def test_quarantined_excluded_and_deleted_records_are_accounted_for(book: Book) -> None:
    """C1: they are part of the equation, not of the difference."""
    book.ordinary()
    book.record("salesInvoices", "quarantined", 1)
    book.record("salesInvoices", "excluded", 2)
    book.record("salesInvoices", "deleted")
    book.rows("UPDATE engine.source_record SET deleted_at = now() WHERE key = 'deleted' RETURNING 1")
    first = check(book.certify(total("count", 5, entity="salesInvoices")), "C1")
    assert first.verdict == "holds"
    line = next(x for x in first.figures["streams"] if x["entity"] == "salesInvoices")
    assert (line["known"], line["usable"], line["quarantined"], line["excluded"], line["tombstoned"]) == (
        5,
        3,
        1,
        1,
        1,
    )


@pytest.mark.parametrize(("stated", "reason"), [(4, "missing"), (2, "extra")])
def test_a_count_that_differs_says_on_which_side(book: Book, stated: int, reason: str) -> None:
    """C1: the source has one more, or one fewer."""
    book.ordinary()
    certificate = book.certify(total("count", stated, entity="salesInvoices"))
    assert dict(check(certificate, "C1").classes) == {reason: 1}
    assert certificate.grade == "C"


def test_an_entity_that_was_not_read_in_this_run_is_only_late(book: Book) -> None:
    """C1: its difference is timing, and that is an explanation. That it was not read is C14's to tell."""
    book.ordinary()
    book.rows(
        "INSERT INTO engine.run_step (run_id, stage, entity, outcome, error, seconds, finished_at) "
        "VALUES (:r, 'pull', 'salesInvoices', 'failed', 'it does not answer', 1, now() + interval '1 s') RETURNING 1",
        r=RUN,
    )
    book.rows(
        "INSERT INTO engine.run (run_id, source, kind, triggered_by) VALUES (:r, 'hansen', 'changes', 'test') RETURNING 1",
        r=RUN,
    )
    certificate = book.certify(total("count", 4, entity="salesInvoices"))
    assert dict(check(certificate, "C1").classes) == {"timing": 1}
    assert [c.code for c in certificate.checks if c.verdict == "breaks" and not c.explained] == ["C14"]


@pytest.mark.parametrize(
    ("swept", "stated", "reason"),
    [
        ("before the last cut", 2, "timing"),
        ("before the last cut", 4, "missing"),
        ("since the last cut", 2, "extra"),
        ("never", 2, "extra"),
    ],
)
def test_what_the_next_sweep_will_find_deleted_is_only_late(
    book: Book, swept: str, stated: int, reason: str
) -> None:
    """C1: fewer in the source than known is timing while no sweep was made since the last cut; more is missing, whenever it was swept."""
    book.ordinary()
    before = book.cut(T)
    moment = {"before the last cut": "- interval '1 hour'", "since the last cut": "+ interval '1 hour'"}
    at = (
        f"(SELECT as_of {moment[swept]} FROM canonical.cut WHERE cut_id = {before})"
        if swept in moment
        else "NULL"
    )
    book.rows(f"UPDATE engine.stream SET swept_at = {at} WHERE entity = 'salesInvoices' RETURNING 1")
    certificate = book.certify(total("count", stated, entity="salesInvoices"))
    assert dict(check(certificate, "C1").classes) == {reason: 1}
    assert check(certificate, "C1").explained is (reason == "timing")


def test_a_document_of_nobody_blocks(book: Book) -> None:
    """C1: every document has its debtor."""
    book.ordinary()
    book.rows("UPDATE canonical.document SET debtor_id = :d WHERE external_id = 'I1' RETURNING 1", d=uuid4())
    certificate = book.certify()
    assert certificate.grade == "D"
    assert ("debtor of document", "I1") in {(d.what, d.key) for d in check(certificate, "C1").sample}


def test_an_amount_that_differs_is_listed_down_to_the_entry(book: Book) -> None:
    """C3: the currency, and the very entry."""
    book.ordinary()
    book.tamper("I1", 99)
    broken = check(book.certify(), "C3")
    assert {(d.what, d.key, d.reason, d.source_value, d.canonical_value) for d in broken.sample} == {
        ("currency", "EUR", "unexplained", "95.00", "94.00"),
        ("ledger entry", "I1 (I1)", "amount", "100.00", "99.00"),
    }


def test_an_open_item_that_was_closed_by_mistake_changes_the_key_set(book: Book) -> None:
    """C2: even where another error hides it in the sum."""
    book.ordinary()
    book.tamper("I1", 0)
    book.tamper("I2", 140)
    certificate = book.certify(total("open_amount", 95, currency="EUR"))
    assert {(d.key, d.reason) for d in check(certificate, "C2").sample} == {("I1 (I1)", "missing")}
    assert check(certificate, "C3").verdict == "holds"


def test_what_is_held_back_to_the_cent_is_quarantined(book: Book) -> None:
    """C3 to C5: an entry that waits for its debtor explains exactly its amount, and the grade is B."""
    book.ordinary()
    book.entry("Q1", Decimal(40), Decimal(40), None, "document")
    certificate = book.certify(total("debtor_balance", 135, "HANSEN"), total("open_amount_base", 135))
    assert {c.code: dict(c.classes) for c in certificate.checks if c.verdict == "breaks"} == {
        "C2": {"quarantined": 1},
        "C3": {"quarantined": 2},
        "C4": {"quarantined": 1},
        "C5": {"quarantined": 1},
        "C14": {"quarantined": 1},
    }
    assert certificate.grade == "B"


def test_currencies_are_compared_one_by_one(book: Book) -> None:
    """C3: what is missing in one currency is not made up for in another."""
    book.ordinary()
    book.invoice(200, 200, currency="USD", total_base=180, open_amount_base=180)
    certificate = book.certify(
        total("open_amount", 96, currency="EUR"), total("open_amount", 199, currency="USD")
    )
    assert {d.key for d in check(certificate, "C3").sample if d.what == "currency"} == {"EUR", "USD"}
    assert check(certificate, "C4").canonical_value == "275.00"


@pytest.mark.parametrize(
    ("stated", "reason"),
    [(140, "unapplied"), (94, "unexplained"), (-5, "extra")],
    ids=["credits were not deducted", "nothing fits", "one open invoice too many"],
)
def test_a_debtor_that_differs_says_where_to_look(book: Book, stated: int, reason: str) -> None:
    """C5: the class names what the difference equals."""
    book.ordinary()
    broken = check(book.certify(total("debtor_balance", stated, "HANSEN")), "C5")
    assert [(d.key, d.reason) for d in broken.sample] == [("HANSEN", reason)]


def test_a_balance_in_the_wrong_currency_is_a_currency_basis(book: Book) -> None:
    """C5: the source added up document currency."""
    book.invoice(200, 200, currency="USD", total_base=180, open_amount_base=180)
    broken = check(book.certify(total("debtor_balance", 200, "HANSEN")), "C5")
    assert [d.reason for d in broken.sample] == ["currency_basis"]


def test_an_excluded_debtor_explains_its_balance(book: Book) -> None:
    """C5: outside the configured filter; an unknown one is missing."""
    book.ordinary()
    book.record("customers", "OUTSIDE", 2)
    certificate = book.certify(
        total("debtor_balance", 95, "HANSEN"),
        total("debtor_balance", 7, "OUTSIDE"),
        total("debtor_balance", 8, "NOBODY"),
    )
    assert {d.key: d.reason for d in check(certificate, "C5").sample} == {
        "OUTSIDE": "excluded",
        "NOBODY": "missing",
    }


def test_a_document_that_does_not_add_up(book: Book) -> None:
    """C6: no application for it, another amount, another currency."""
    book.ordinary()
    book.invoice(50, 0)
    book.settle(book.money(10, 0), book.invoice(20, 5), 10)
    book.settle(book.money(11, 0, currency="USD"), book.invoice(10, 0), 11, currency="USD")
    broken = check(book.certify(), "C6")
    assert dict(broken.classes) == {"missing": 1, "amount": 1, "currency_basis": 1}


def test_an_invoice_below_nought_adds_up(book: Book) -> None:
    """C6: what is applied to it has no sign; half of the amount is still a break."""
    book.ordinary()
    book.settle(book.money(90, 0), book.invoice(-108, -18), 90)
    book.settle(book.money(20, 0), book.invoice(-40, 0), 20)
    assert [(d.key, d.reason) for d in check(book.certify(), "C6").sample] == [("I8", "amount")]


def test_a_written_off_document_adds_up_without_an_application(book: Book) -> None:
    """C6: written off is one of the ways out."""
    book.ordinary()
    book.invoice(50, 0, erp_status="written_off")
    assert check(book.certify(), "C6").verdict == "holds"


def test_a_payment_that_does_not_add_up(book: Book) -> None:
    """C7: 100 received, 60 applied, 15 unapplied."""
    part = book.invoice(100, 40)
    book.settle(book.money(100, 15), part, 60)
    assert dict(check(book.certify(), "C7").classes) == {"amount": 1}


def test_without_applications_nothing_is_said_about_settlement(book: Book) -> None:
    """C6 and C7 are not answerable: the source tells no applications."""
    book.invoice(100, 40)
    certificate = book.certify()
    assert {check(certificate, code).verdict for code in ("C6", "C7")} == {"not_answerable"}


def test_open_items_are_listed_only_where_they_are_compared_one_by_one(book: Book) -> None:
    """Without a ledger and without figures to compare they are added up alone; where instalments differ they are looked at."""
    book.ordinary()
    book.rows("DELETE FROM engine.ledger_entry WHERE source = :s RETURNING 1", s=book.source)
    listed = "SELECT to_regclass('pg_temp.control_open') IS NOT NULL"
    certificate = book.certify()
    assert book.rows(listed) == [(False,)]
    assert check(certificate, "C10").verdict == "not_answerable"
    assert check(book.certify(), "C10").canonical_value == "EUR 95.00"
    assert check(certificate, "C12").verdict == "holds"
    book.rows("UPDATE canonical.instalment SET open_amount = 300 WHERE external_id = 'I1/1' RETURNING 1")
    assert [d.canonical_value for d in check(book.certify(), "C12").sample] == ["300.00"]
    book.certify(total("debtor_balance", 95, "HANSEN"))
    assert book.rows(listed) == [(True,)]


def test_an_ageing_report_with_periods_of_its_own_is_compared_in_order(book: Book) -> None:
    """C8: three periods after current, the last without an end; credits are netted where they fall."""
    book.ordinary()
    book.invoice(500, 500, due_date=date(2024, 1, 1))
    stated = [
        total("ageing", amount, key)
        for key, amount in (("current", 0), ("04/23..05/22", 95), ("03/24..04/22", 0), ("Before 03/24", 500))
    ]
    assert check(book.certify(*stated), "C8").verdict == "holds"
    assert check(book.certify(*stated[:3], total("ageing", 499, "Before 03/24")), "C8").verdict == "breaks"


def test_the_general_ledger_may_disagree(book: Book) -> None:
    """C9: a journal went straight to the control account."""
    book.ordinary()
    broken = check(book.certify(total("control_account", 100)), "C9")
    assert (broken.verdict, broken.difference) == ("breaks", "5.00")
