"""C14: what is missing is counted, weighed, and told once by its cause."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from sync_engine.store.claims.causes import causes
from sync_engine.store.controls import Certificate
from tests.store.book import RUN, STATED, Book, check, total


def put_aside(
    book: Book,
    entity: str,
    key: str,
    parent: str | None = None,
    amount: int | None = None,
    message: str = "its name is no text",
) -> None:
    """A record in quarantine: by itself, or because it waits for a debtor."""
    book.record(entity, key, 1)
    book.rows(
        """
        INSERT INTO engine.quarantine (stream_id, key, stage, error, message, parent_entity, parent_key, amount, currency)
        SELECT stream_id, :k, 'publish', :error, :m, CASE WHEN CAST(:p AS text) IS NOT NULL THEN 'debtor' END, :p, :a, 'EUR' FROM engine.stream
        WHERE source = :s AND entity = :e RETURNING 1
        """,
        s=book.source,
        e=entity,
        k=key,
        p=parent,
        a=amount,
        m=f"hansen {entity} {key}: {message}.",
        error="ParentMissing" if parent else "MappingFailed",
    )


def missing(certificate: Certificate) -> tuple[str, dict[str, int], str | None]:
    """Verdict, classes and figures of C14."""
    found = check(certificate, "C14")
    return found.verdict, dict(found.classes), found.difference


def test_nothing_is_missing_from_a_true_cut(book: Book) -> None:
    """As many as are known, no difference, and nothing to mend."""
    book.ordinary()
    assert missing(book.certify(*STATED, allowed=0)) == ("holds", {}, None)


def test_a_debtor_and_what_waits_for_it_are_told_once(book: Book) -> None:
    """One debtor, three invoices and their entries: one line, with the money once, credits deducted."""
    book.ordinary()
    put_aside(book, "customers", "BAD")
    for key, amount in (("X1", 1000), ("X2", 300), ("X3", -66)):
        put_aside(book, "salesInvoices", key, "BAD", amount)
        put_aside(book, "ledgerEntries", f"L{key}", "BAD", amount)
    (cause,) = causes(book.connection, book.source)
    assert (cause.entity, cause.key, cause.waiting, cause.amounts) == (
        "customers",
        "BAD",
        {"document": 3, "ledger_entry": 3},
        {"EUR": Decimal(1234)},
    )
    assert (
        cause.sentence
        == "hansen customers BAD: its name is no text. So 3 documents and 3 ledger entries of EUR 1,234.00 wait."
    )
    certificate = book.certify(*STATED)
    assert check(certificate, "C14").figures["causes"] == [cause.sentence]
    assert check(certificate, "C14").difference == "7 records; EUR 1,366.00"
    assert certificate.grade == "C"
    assert [c.key for c in causes(book.connection, book.source, "salesInvoices")] == ["BAD"], (
        "asked for by what waits"
    )
    assert causes(book.connection, book.source, "applications") == []
    assert causes(book.connection, "another source") == []


def test_an_unknown_debtor_is_told_once_too(book: Book) -> None:
    """Nobody has read it; what waits for it is one story, and no quarantined record can be shown for it."""
    book.ordinary()
    for key in ("X1", "X2"):
        put_aside(book, "salesInvoices", key, "NOBODY", 50)
    put_aside(book, "salesInvoices", "X3")
    nobody, alone = causes(book.connection, book.source)
    assert (nobody.quarantine_id, nobody.waits) == (None, "2 documents of EUR 100.00")
    assert "debtor NOBODY: is not known" in nobody.sentence
    assert (alone.key, alone.waits, alone.sentence) == (
        "X3",
        "",
        "hansen salesInvoices X3: its name is no text.",
    )
    assert [c.records for c in (nobody, alone)] == [2, 1]


def test_what_names_its_debtor_by_number_is_of_the_same_story(book: Book) -> None:
    """A ledger that knows debtors by number waits for the quarantined one that is called so, and for no other."""
    put_aside(book, "customers", "BAD")
    put_aside(book, "customers", "WORSE")
    book.rows("UPDATE engine.quarantine SET number = '10090' WHERE key = 'BAD' RETURNING 1")
    put_aside(book, "salesInvoices", "X1", "BAD", 70)
    put_aside(book, "ledgerEntries", "L1", "10090", 70)
    bad, worse = causes(book.connection, book.source)
    assert (bad.key, bad.waits) == ("BAD", "1 document and 1 ledger entry of EUR 70.00")
    assert (worse.key, worse.waits) == ("WORSE", "")


@pytest.mark.parametrize(("allowed", "grade"), [(0.0, "C"), (0.24, "C"), (0.25, "B"), (1.0, "B")])
def test_a_share_decides_between_little_and_too_much(book: Book, allowed: float, grade: str) -> None:
    """One of four invoices: what exceeds the setting is unexplained, what does not is accounted for."""
    book.ordinary()
    put_aside(book, "salesInvoices", "X1")
    certificate = book.certify(*STATED[:1], *STATED[2:], allowed=allowed)
    assert (certificate.grade, certificate.is_trouble) == (grade, grade == "C")
    assert ("missing" in missing(certificate)[1]) == (grade == "C")
    assert ("salesInvoices 1 of 4 records" in check(certificate, "C14").note) == (grade == "C")


def test_little_in_number_may_be_much_in_money(book: Book) -> None:
    """One entry of many, and most of what is owed: the money weighs by itself."""
    book.ordinary()
    for number in range(30):
        book.invoice(1, 1, number=f"small {number}")
    put_aside(book, "ledgerEntries", "BIG", "NOBODY", 5000)
    certificate = book.certify(allowed=0.05)
    assert certificate.grade == "C"
    assert check(certificate, "C14").figures["over"] == ["EUR 5,000.00 of 5,215.00"]


def test_what_waits_for_an_excluded_debtor_is_excluded_with_it(book: Book) -> None:
    """Somebody does not want it: told, accounted for, and no trouble however much it is."""
    book.ordinary()
    book.record("customers", "OUTSIDE", 2)
    book.rows(
        "UPDATE engine.source_record SET reason = 'customer number is excluded by the settings' WHERE key = 'OUTSIDE' RETURNING 1"
    )
    for number in range(9):
        put_aside(book, "salesInvoices", f"X{number}", "OUTSIDE", 1000)
    certificate = book.certify(*STATED[2:], allowed=0)
    assert missing(certificate)[:2] == ("breaks", {"excluded": 9})
    assert certificate.grade == "B"
    (cause,) = causes(book.connection, book.source)
    assert (
        "OUTSIDE: is excluded (customer number is excluded by the settings). So 9 documents of EUR 9,000.00 wait."
        in cause.sentence
    )


@pytest.mark.parametrize(("allowed", "grade"), [(0.01, "C"), (1.0, "B")])
def test_what_is_open_of_a_deleted_debtor_is_missing_in_every_cut(
    book: Book, allowed: float, grade: str
) -> None:
    """Its documents are in nobody's balance: that is told until they are settled, not only by the cut that buried it."""
    book.ordinary()
    for gone in (
        "canonical.debtor SET deleted_at = now() WHERE id = (SELECT debtor_id FROM canonical.document WHERE open_amount > 0 LIMIT 1)",
        "engine.source_record SET deleted_at = now() WHERE key = 'HANSEN'",
    ):
        assert book.rows(f"UPDATE {gone} RETURNING 1")
    for _ in range(2):
        certificate = book.certify(allowed=allowed)
        found = check(certificate, "C14")
        assert found.figures["of_deleted_debtors"] > 0
        assert "in nobody's balance" in found.note
        assert certificate.grade == grade


def test_a_filter_that_excludes_every_debtor_is_trouble(book: Book) -> None:
    """One excluded debtor is a setting, all of them are a mistake."""
    book.ordinary()
    book.record("customers", "OUTSIDE", 2)
    assert missing(book.certify(*STATED[2:]))[0] == "holds"
    book.rows("UPDATE engine.source_record SET state = 2 WHERE key = 'HANSEN' RETURNING 1")
    broken = check(book.certify(), "C14")
    assert "missing" in broken.classes
    assert "every customers record is excluded" in broken.note


@pytest.mark.parametrize("read_at", [None, datetime(2025, 5, 20, 8, tzinfo=UTC)], ids=["never", "not since"])
def test_an_entity_that_is_not_read_is_missing_whole(book: Book, read_at: datetime | None) -> None:
    """How much of it is missing nobody knows, so no share lets it pass; the last refusal says why."""
    book.ordinary()
    book.rows(
        "UPDATE engine.stream SET verified_at = :t WHERE entity = 'salesInvoices' RETURNING 1", t=read_at
    )
    book.rows(
        "INSERT INTO engine.run (run_id, source, kind, triggered_by) VALUES (:r, :s, 'changes', 'test') RETURNING 1",
        r=RUN,
        s=book.source,
    )
    for error in ("it was busy", "it may not be read"):
        book.rows(
            """
            INSERT INTO engine.run_step (run_id, stage, entity, outcome, error, seconds)
            VALUES (:r, 'pull', 'salesInvoices', 'failed', :e, 1) RETURNING 1
            """,
            r=RUN,
            e=error,
        )
    certificate = book.certify(*STATED, allowed=1)
    assert certificate.grade == "C"
    since = "was never read" if read_at is None else "was not read since 2025-05-20 08:00 UTC"
    assert check(certificate, "C14").note == f"salesInvoices {since}: it may not be read."


def test_an_erp_that_states_nothing_is_no_a(book: Book) -> None:
    """Its own ledger as received agrees, but no figure of its own was there to tie the money to."""
    book.ordinary()
    certificate = book.certify(total("count", 1))
    assert (certificate.grade, certificate.money_tied) == ("B", False)
    assert {c.verdict for c in certificate.checks} == {"holds", "not_answerable"}
    assert book.one("SELECT grade, n_answered, n_checks, money_tied, missing FROM canonical.grade") == (
        "B",
        9,
        13,
        False,
        None,
    )
    assert book.certify(total("count", 1), total("debtor_balance", 95, "HANSEN")).grade == "A"


@pytest.mark.parametrize(
    ("stated", "grade"),
    [((total("count", 1),), "A"), ((), "B")],
    ids=["it states how many", "it states nothing"],
)
def test_a_crm_without_money_is_judged_by_its_records(
    book: Book, stated: tuple[Any, ...], grade: str
) -> None:
    """It claims no money, so none need tie; what proves it is that it counts as many records as there are."""
    book.rows("DELETE FROM engine.stream WHERE canonical <> 'debtor' RETURNING 1")
    book.rows("UPDATE engine.source SET role = 'crm' RETURNING 1")
    certificate = book.certify(*stated)
    assert (certificate.grade, certificate.money_tied) == (grade, None)


def test_an_erp_whose_documents_are_gone_from_its_offer_still_claims_money(book: Book) -> None:
    """Losing the streams that carry money must not make an A of it."""
    book.rows("DELETE FROM engine.stream WHERE canonical <> 'debtor' RETURNING 1")
    certificate = book.certify(total("count", 1))
    assert (certificate.grade, certificate.money_tied) == ("B", False)
