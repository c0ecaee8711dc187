"""Certificates of one cut after another: what moved, what is new, what is certified again, and a source that does not answer."""

from __future__ import annotations

import json
from datetime import date
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

import pytest
from sqlalchemy import text

from sync_engine.errors import AuthenticationFailed, PermissionMissing, StoreError, TransientError
from sync_engine.records import ControlTotal
from sync_engine.stages.reconcile import stated_totals
from sync_engine.stages.source_run import SourceRun
from tests.store.book import RUN, STATED, Book, T, check, total


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
