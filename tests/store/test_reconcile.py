"""The controls: each check holds on a true cut, breaks on the fault it is there for, and says where to look."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID, uuid4

import pytest
from sqlalchemy import create_engine, text

from sync_engine.errors import AuthenticationFailed, PermissionMissing, StoreError, TransientError
from sync_engine.records import ControlTotal
from sync_engine.stages.reconcile import stated_totals
from sync_engine.stages.source_run import SourceRun
from sync_engine.store.controls import Certificate, Check, read_certificate, reconcile
from tests.store.ledger_rows import Rows

T = date(2025, 5, 23)
RUN = UUID(int=1)
ENTITIES = {
    "customers": "debtor",
    "salesInvoices": "document",
    "ledgerEntries": "ledger_entry",
    "applications": "application",
}


class Book(Rows):
    """A ledger with the source records and ledger entries it was made from: true as long as nobody tampers with it."""

    def __init__(self, connection: Any) -> None:
        super().__init__(connection)
        self._entries = 0
        self.rows(
            "INSERT INTO engine.source (source, connector, role, environment, config, config_hash) VALUES (:s, 'x', 'erp', '', '{}', '') RETURNING 1",
            s=self.source,
        )
        for entity, canonical in ENTITIES.items():
            self.rows(
                "INSERT INTO engine.stream (source, entity, family, canonical, facet, verified_at) VALUES (:s, :e, :e, :c, false, now()) RETURNING 1",
                s=self.source,
                e=entity,
                c=canonical,
            )
        self.hansen = self.customer("HANSEN")

    def record(self, entity: str, key: str, state: int = 0) -> None:
        """A record as received."""
        self.rows(
            """
            INSERT INTO engine.source_record (stream_id, key, raw_hash, batch_id, state)
            SELECT stream_id, :k, gen_random_uuid(), 1, :state FROM engine.stream WHERE source = :s AND entity = :e RETURNING key
            """,
            s=self.source,
            e=entity,
            k=key,
            state=state,
        )

    def customer(self, key: str, **values: Any) -> UUID:
        """A debtor and its record."""
        self.record("customers", key)
        return self.debtor(key, number=key, **values)

    def entry(
        self,
        key: str,
        amount: Decimal,
        remaining: Decimal,
        record_id: UUID | None,
        kind: str,
        base: Decimal | None = None,
        currency: str = "EUR",
    ) -> None:
        """A ledger entry, signed as the ERP signs it."""
        rate = Decimal(1) if base is None or remaining == 0 else base / remaining
        self.record("ledgerEntries", key, 0 if record_id else 1)
        self.rows(
            """
            INSERT INTO engine.ledger_entry
                (source, key, entry_no, document_no, debtor_key, currency, amount, amount_base, remaining, remaining_base, record_id, record_kind)
            VALUES (:s, :k, :k, :k, 'HANSEN', :c, :a, :ab, :r, :rb, :id, :kind) RETURNING 1
            """,
            s=self.source,
            k=key,
            c=currency,
            a=amount,
            ab=amount * rate,
            r=remaining,
            rb=remaining * rate,
            id=record_id,
            kind=kind,
        )

    def invoice(self, total: int, left: int, **values: Any) -> UUID:
        """An invoice of HANSEN with its record and its entry."""
        self._entries += 1
        key, sign = f"I{self._entries}", -1 if values.get("kind") == "credit_note" else 1
        values = {
            "issue_date": date(2025, 4, 1),
            "due_date": date(2025, 5, 1),
            "debtor_key": "HANSEN",
            "cut_id": 1,
            **values,
        }
        made = self.document(self.hansen, total, left, external_id=key, entry_no=key, **values)
        self.record("salesInvoices", key)
        base = values.get("open_amount_base")
        self.entry(
            key,
            Decimal(sign * total),
            Decimal(sign * left),
            made,
            "document",
            None if base is None else Decimal(base),
            values.get("currency", "EUR"),
        )
        return made

    def money(self, amount: int, unapplied: int, **values: Any) -> UUID:
        """A payment of HANSEN with its entry."""
        self._entries += 1
        key = f"P{self._entries}"
        made = self.payment(
            self.hansen,
            amount,
            unapplied,
            entry_no=key,
            debtor_key="HANSEN",
            payment_date=date(2025, 5, 2),
            **{"cut_id": 1, **values},
        )
        self.entry(key, Decimal(-amount), Decimal(-unapplied), made, "payment")
        return made

    def settle(self, payment: UUID, invoice: UUID, amount: int, **values: Any) -> UUID:
        """An application and its record."""
        made = self.application(payment, invoice, amount, date(2025, 5, 2), **{"cut_id": 1, **values})
        key = self.one("SELECT external_id FROM canonical.application WHERE id = :i", i=made)[0]
        self.record("applications", key)
        return made

    def tamper(self, key: str, left: int) -> None:
        """Somebody writes another open amount to a document and its instalment, past the engine."""
        for table, suffix in (("document", ""), ("instalment", "/1")):
            self.rows(f"UPDATE canonical.{table} SET open_amount = :left, open_amount_base = :left WHERE external_id = :key RETURNING 1",
                key=key + suffix, left=left)  # fmt: skip

    def ordinary(self) -> None:
        """100 open, 60 of another 100 paid, a credit of 30, and 15 paid on account."""
        self.invoice(100, 100)
        part = self.invoice(100, 40)
        self.invoice(30, 30, kind="credit_note")
        self.settle(self.money(75, 15), part, 60)

    def certify(
        self,
        *totals: ControlTotal,
        cut: int | None = None,
        unanswered: dict[str, str] | None = None,
        allowed: float = 0.5,
    ) -> Certificate:
        """Certifies a new cut; of this small book a share of `allowed` may be missing."""
        return reconcile(
            self.connection,
            self.source,
            RUN,
            cut or self.cut(T),
            totals,
            unanswered=unanswered or {},
            allowed_missing=allowed,
        )


@pytest.fixture
def book(database: str) -> Iterator[Book]:
    """A ledger of the debtor HANSEN."""
    engine = create_engine(database)
    with engine.connect() as connection:
        yield Book(connection)
    engine.dispose()


def total(
    name: str, value: int | str, key: str = "", entity: str = "customers", currency: str = ""
) -> ControlTotal:
    """A figure the source states."""
    return ControlTotal(entity, name, Decimal(value), currency, key)


def check(certificate: Certificate, code: str) -> Check:
    """One check of a certificate."""
    return next(c for c in certificate.checks if c.code == code)


STATED = (
    total("count", 1),
    total("count", 3, entity="salesInvoices"),
    total("count", 4, entity="ledgerEntries"),
    total("count", 1, entity="applications"),
    total("open_amount", 95, currency="EUR"),
    total("open_amount_base", 95),
    total("debtor_balance", 95, "HANSEN"),
    total("control_account", 95),
    total("ageing", 0, "current"),
    total("ageing", 95, "1-30"),
    total("ageing", 0, "31-60"),
    total("ageing", 0, "61-90"),
    total("ageing", 0, "91+"),
)


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


def test_the_next_cut_looks_at_what_moved_and_at_what_differed(book: Book) -> None:
    """C6: a break stays a break although nothing moved, heals when its document moves, and a new one is found."""
    book.ordinary()
    book.invoice(50, 0)
    first = book.certify()
    second = book.certify()
    assert [dict(check(c, "C6").classes) for c in (first, second)] == [{"missing": 1}, {"missing": 1}]
    cut = book.cut(T)
    book.rows(
        "UPDATE canonical.document SET open_amount = 50, cut_id = :c WHERE external_id = 'I5' RETURNING 1",
        c=cut,
    )
    assert check(book.certify(cut=cut), "C6").verdict == "holds"
    cut = book.cut(T)
    book.rows(
        "UPDATE canonical.document SET open_amount = 1, cut_id = :c WHERE external_id = 'I1' RETURNING 1",
        c=cut,
    )
    assert [d.key for d in check(book.certify(cut=cut), "C6").sample] == ["I1"]


def test_a_full_run_looks_at_everything_again(book: Book) -> None:
    """C6: also at what nobody is known to have moved."""
    book.ordinary()
    book.certify()
    book.tamper("I1", 1)
    assert check(book.certify(), "C6").verdict == "holds"
    book.rows(
        "INSERT INTO engine.run (run_id, source, kind, triggered_by) VALUES (:r, 'hansen', 'full', 'test') RETURNING 1",
        r=RUN,
    )
    assert check(book.certify(), "C6").verdict == "breaks"


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


def change(book: Book, record: UUID, entity: str, op: str, field: str | None = None, old: Any = None) -> None:
    """A row of the change feed."""
    book.rows(
        """
        INSERT INTO canonical.change (entity, record_id, op, field, old, actor_kind, actor)
        VALUES (:e, :r, :o, :f, CAST(:old AS jsonb), 'erp', 'test') RETURNING 1
        """,
        e=entity,
        r=record,
        o=op,
        f=field,
        old=json.dumps(old),
    )


def test_the_roll_forward_follows_the_change_feed(book: Book) -> None:
    """C10: a new invoice, a payment, a deletion and a credit that was used: opening plus movement is closing."""
    invoice, credit, gone = (
        book.invoice(100, 100),
        book.invoice(30, 30, kind="credit_note"),
        book.invoice(9, 9),
    )
    assert check(book.certify(), "C10").verdict == "not_answerable"
    new = book.invoice(50, 50)
    change(book, new, "document", "create")
    change(book, new, "document", "update", "open_amount", 60)
    book.rows("UPDATE canonical.document SET open_amount = 70 WHERE id = :i RETURNING 1", i=invoice)
    change(book, invoice, "document", "update", "open_amount", 100)
    change(book, invoice, "document", "update", "open_amount", 80)
    book.rows(
        "UPDATE canonical.document SET open_amount = 0, kind = 'credit_note' WHERE id = :i RETURNING 1",
        i=credit,
    )
    change(book, credit, "document", "update", "open_amount", 30)
    book.rows("UPDATE canonical.document SET deleted_at = now() WHERE id = :i RETURNING 1", i=gone)
    change(book, gone, "document", "delete", "deleted_at", None)
    money = book.money(30, 5)
    change(book, money, "payment", "create")
    held = check(book.certify(), "C10")
    assert held.verdict == "holds"
    assert [held.figures[name] for name in ("opening", "moved", "closing")] == [
        {"EUR": "79.00"},
        {"EUR": "36.00"},
        {"EUR": "115.00"},
    ]


def test_an_amount_that_changed_without_an_audit_row_breaks_the_roll_forward(book: Book) -> None:
    """C10: somebody wrote past the engine."""
    book.ordinary()
    book.certify()
    book.tamper("I1", 1)
    assert check(book.certify(), "C10").verdict == "breaks"


def test_tomorrows_postings_are_timing(book: Book) -> None:
    """C11: explained, and listed."""
    book.ordinary()
    book.invoice(5, 5, posting_date=date(2025, 5, 24))
    certificate = book.certify()
    assert dict(check(certificate, "C11").classes) == {"timing": 1}
    assert certificate.grade == "B"


def test_the_same_document_twice_is_found(book: Book) -> None:
    """C12: same debtor, kind, number, date and amount; a credit note of the same number is another document."""
    book.ordinary()
    for kind in ("invoice", "invoice", "credit_note"):
        book.invoice(7, 7, number="4711", kind=kind)
    assert [(d.key, d.canonical_value) for d in check(book.certify(), "C12").sample] == [
        ("4711", "2 times: I5, I6")
    ]


def test_entries_of_one_ledger_are_no_duplicates_of_each_other(book: Book) -> None:
    """C12: two opening balances of 7 on one day, both posted as OPENING, are two debts; the ERP's own invoice beside them is a third."""
    book.ordinary()
    for _ in range(2):
        key = f"ledger/{uuid4()}"
        book.document(
            book.hansen, 7, 7, external_id=key, number="OPENING", kind="journal", issue_date=T, cut_id=1
        )
    assert check(book.certify(), "C12").verdict == "holds"


def test_instalments_that_are_not_their_document_are_found(book: Book) -> None:
    """C12: an invoice of 100 whose instalments say 300 are open is there more than once."""
    book.ordinary()
    book.rows("UPDATE canonical.instalment SET open_amount = 300 WHERE external_id = 'I1/1' RETURNING 1")
    broken = check(book.certify(), "C12")
    assert {(d.what, d.key, d.source_value, d.canonical_value) for d in broken.sample} == {
        ("instalments", "I1", "100.00", "300.00")
    }


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        (
            """
            INSERT INTO canonical.instalment (id, source, external_id, document_id, number, due_date, amount, open_amount, cut_id)
            SELECT gen_random_uuid(), source, 'I1/2', document_id, 2, due_date, amount, open_amount, cut_id
            FROM canonical.instalment WHERE external_id = 'I1/1' RETURNING 1
            """,
            "200.00",
        ),
        ("UPDATE canonical.instalment SET open_amount = 0 WHERE external_id = 'I1/1' RETURNING 1", "0.00"),
        ("DELETE FROM canonical.instalment WHERE external_id = 'I1/1' RETURNING 1", "0.00"),
    ],
    ids=["there twice", "paid, though the document is open", "none at all"],
)
def test_each_instalment_alone_may_look_right(book: Book, change: str, parts: str) -> None:
    """C12: amounts are added up as soon as not every open document has one open instalment of the same amount."""
    book.ordinary()
    book.rows(change)
    broken = check(book.certify(), "C12")
    assert [(d.key, d.source_value, d.canonical_value) for d in broken.sample] == [("I1", "100.00", parts)]


def test_what_the_ledger_never_asked_for_is_named(book: Book) -> None:
    """C6: 1100 with 20 withheld and 80 paid adds up, and the certificate says how much was withheld."""
    invoice = book.invoice(1100, 1000, ledger_difference=20)
    book.settle(book.money(80, 0), invoice, 80)
    found = check(book.certify(), "C6")
    assert (found.verdict, found.figures["ledger_difference"]) == (
        "holds",
        {"documents": 1, "amounts": "EUR 20.00"},
    )
    assert "another amount" in found.note


@pytest.mark.parametrize(
    ("difference", "classes"),
    [(20, {}), (-1, {}), (-20, {"unexplained": 1}), (2000, {"unexplained": 1})],
    ids=["withheld", "rounded up", "asked for more", "the other way round"],
)
def test_only_less_is_withheld(book: Book, difference: int, classes: dict[str, int]) -> None:
    """C6: tax withheld and discounts make the ledger ask for less, which is told (C13); what asks for more or the other way round is not explained."""
    book.ordinary()
    owed = 1000 - difference
    book.invoice(1000, owed, ledger_difference=difference)
    book.settle(book.money(5, 0), book.invoice(5, 0), 5)
    certificate = book.certify()
    found = check(certificate, "C6")
    assert dict(found.classes) == classes
    assert [(d.source_value, d.canonical_value) for d in found.sample] == (
        [(f"{owed}.00", "1000.00")] if classes else []
    )
    assert any("the ledger asks for less" in note for note in certificate.notes) is not bool(classes)


def test_a_cut_of_another_source_cannot_be_certified(book: Book) -> None:
    """The caller mixed something up."""
    with pytest.raises(StoreError, match="there is no cut 4711"):
        book.certify(cut=4711)


def test_a_cut_can_be_certified_again(book: Book) -> None:
    """The second certificate replaces the first, and its totals too."""
    book.ordinary()
    cut = book.cut(T)
    book.certify(*STATED, cut=cut)
    before = book.one(
        "SELECT (SELECT count(*) FROM canonical.certificate), (SELECT count(*) FROM engine.control_total)"
    )
    assert book.certify(*STATED, cut=cut).grade == "A"
    assert (
        book.one(
            "SELECT (SELECT count(*) FROM canonical.certificate), (SELECT count(*) FROM engine.control_total)"
        )
        == before
    )
    assert book.connection.execute(
        text("SELECT source_value, canonical_value FROM engine.control_total WHERE name = 'open_amount'")
    ).all() == [(95, 95)]


class Moody:
    """A connector that answers some questions."""

    streams: dict[str, None]

    def __init__(self, **answers: Exception | list[ControlTotal]) -> None:
        self.answers, self.streams = answers, dict.fromkeys(answers)

    def count(self, entity: str) -> int | None:
        """It does not say."""
        return None

    def totals(self, entity: str) -> list[ControlTotal]:
        """What it states, or its mood."""
        answer = self.answers[entity]
        if isinstance(answer, Exception):
            raise answer
        return answer


def asked(connector: Moody) -> tuple[list[ControlTotal], dict[str, str]]:
    """What the stage makes of it."""
    return stated_totals(cast(SourceRun, SimpleNamespace(connector=connector, progress=lambda *_: None)))


def test_an_entity_that_does_not_answer_leaves_the_others_alone() -> None:
    """The reason is kept, the figures of the others too."""
    figures = [total("count", 1)]
    totals, unanswered = asked(
        Moody(a=PermissionMissing("may not read"), b=TransientError("is busy"), c=figures)
    )
    assert totals == figures
    assert list(unanswered) == ["a", "b"]
    assert unanswered["a"] == "may not read"


def test_a_refused_login_is_not_asked_again() -> None:
    """Every further question would be refused the same way."""
    totals, unanswered = asked(Moody(a=AuthenticationFailed("wrong secret"), b=AssertionError("asked again")))
    assert (totals, list(unanswered)) == ([], ["a"])
