"""Portfolios, positions, grades, freshness, and who may read what."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, exc

from tests.store.ledger_rows import Rows

T = date(2025, 5, 23)


@pytest.fixture
def ledger(database: str) -> Iterator[Rows]:
    """An empty ledger."""
    engine = create_engine(database)
    with engine.connect() as connection:
        yield Rows(connection)
    engine.dispose()


def test_an_empty_portfolio_is_listed_and_nobody_is_lost(ledger: Rows) -> None:
    """NORTH has one debtor, SOUTH none; debtors without a portfolio, or in a removed one, are unassigned."""
    north = ledger.add("canonical.portfolio", source="hansen", name="NORTH")
    ledger.add("canonical.portfolio", source="hansen", name="SOUTH")
    gone = ledger.add("canonical.portfolio", source="hansen", name="GONE", deleted_at="2025-01-01T00:00:00Z")
    ledger.debtor("A", portfolio_id=north)
    ledger.debtor("B")
    ledger.debtor("C", portfolio_id=gone)
    ledger.debtor("D", deleted_at="2025-01-01T00:00:00Z")
    rows = ledger.rows("SELECT portfolio, debtor_name FROM canonical.portfolio_members ORDER BY 1, 2")
    assert rows == [("NORTH", "A"), ("SOUTH", None), ("unassigned", "B"), ("unassigned", "C")]


def test_positions_in_use_are_those_that_a_living_contact_holds(ledger: Rows) -> None:
    """With the titles they were made from."""
    debtor = ledger.debtor()
    positions = {name: uuid4() for name in ("CFO", "Buyer", "Unused")}
    for name, key in positions.items():
        ledger.add("canonical.contact_position", id=key, name=name, name_key=name.casefold(), origin="title")
    for title, position, deleted in (
        ("CFO", "CFO", None),
        ("cfo ", "CFO", None),
        ("Buyer", "Buyer", "2025-01-01T00:00:00Z"),
    ):
        ledger.add(
            "canonical.contact",
            debtor_id=debtor,
            title=title,
            position_id=positions[position],
            provenance="{}",
            deleted_at=deleted,
        )
    rows = ledger.rows("SELECT position, n_contacts, n_debtors, titles FROM canonical.positions_in_use")
    assert rows == [("CFO", 2, 1, ["CFO", "cfo "])]


@pytest.mark.parametrize(
    ("checks", "grade"),
    [
        ([("holds", False, False), ("not_answerable", False, False)], "A"),
        ([("holds", False, False), ("breaks", False, True)], "B"),
        ([("breaks", False, True), ("breaks", False, False)], "C"),
        ([("breaks", True, False), ("breaks", False, True)], "D"),
    ],
    ids=["all hold", "only explained", "one unexplained", "one blocking"],
)
def test_the_grade_of_a_certificate(ledger: Rows, checks: list[tuple[str, bool, bool]], grade: str) -> None:
    """The view grades as the code does."""
    cut = ledger.cut(T)
    for number, (verdict, blocking, explained) in enumerate(checks, 1):
        ledger.rows(
            'INSERT INTO canonical.certificate (cut_id, "check", title, verdict, detail) VALUES (:c, :k, :k, :v, CAST(:d AS jsonb)) RETURNING 1',
            c=cut,
            k=f"C{number}",
            v=verdict,
            d=json.dumps({"blocking": blocking, "explained": explained}),
        )
    assert ledger.one("SELECT grade, cut_id FROM canonical.grade") == (grade, cut)


def test_freshness_shows_the_last_cut_and_the_last_run(ledger: Rows) -> None:
    """A source that never had a cut is there too."""
    for source in ("hansen", "new"):
        ledger.rows(
            "INSERT INTO engine.source (source, connector, role, environment, config, config_hash) VALUES (:s, 'x', 'erp', '', '{}', '') RETURNING 1",
            s=source,
        )
    cut = ledger.cut(T)
    for started, outcome in (("2025-05-22", "succeeded"), ("2025-05-23", "failed")):
        ledger.rows(
            "INSERT INTO engine.run (run_id, source, kind, triggered_by, started_at, outcome) VALUES (:r, 'hansen', 'changes', 'test', :t, :o) RETURNING 1",
            r=uuid4(),
            t=started,
            o=outcome,
        )
    rows = ledger.rows(
        "SELECT source, cut_id, ledger_date, last_run_outcome FROM canonical.source_freshness ORDER BY 1"
    )
    assert rows == [("hansen", cut, T, "failed"), ("new", None, None, None)]


def test_a_reader_reads_canonical_and_nothing_of_the_engine(ledger: Rows) -> None:
    """Every view of the contract, also those that are made from the engine's tables; no table of the engine, no write."""
    ledger.document(ledger.debtor(), 100, issue_date=T, due_date=T)
    ledger.cut(T)
    ledger.connection.exec_driver_sql("SET LOCAL ROLE sync_engine_reader")
    views = ledger.rows("SELECT table_name FROM information_schema.tables WHERE table_schema = 'canonical'")
    assert len(views) > 40
    for (view,) in views:
        ledger.rows(f'SELECT * FROM canonical."{view}"')
    for forbidden in (
        "SELECT * FROM engine.source",
        "UPDATE canonical.debtor SET name = 'x'",
        "INSERT INTO canonical.claim_inbox (entity) VALUES ('debtor')",
    ):
        with pytest.raises(exc.ProgrammingError, match="permission denied"), ledger.connection.begin_nested():
            ledger.connection.exec_driver_sql(forbidden)


def test_a_writer_may_add_to_the_inbox_and_not_answer_it(ledger: Rows) -> None:
    """It says what it wants; when it was said and what came of it is the engine's to write."""
    inbox = "INSERT INTO canonical.claim_inbox (entity, record_id, field, value, said_by{}) VALUES ('debtor', gen_random_uuid(), 'x', 'true', 'app'{})"
    ledger.connection.exec_driver_sql("SET LOCAL ROLE sync_engine_writer")
    ledger.connection.exec_driver_sql(inbox.format("", ""))
    assert ledger.one("SELECT said_by, answer FROM canonical.claim_inbox") == ("app", None)
    with pytest.raises(exc.ProgrammingError, match="permission denied"), ledger.connection.begin_nested():
        ledger.connection.exec_driver_sql(inbox.format(", answer", ", 'taken'"))


def test_every_view_says_what_it_is(ledger: Rows) -> None:
    """A reader finds the comment where a reader looks."""
    silent = ledger.rows("""
        SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'canonical'::regnamespace AND c.relkind = 'v' AND obj_description(c.oid) IS NULL
        """)
    assert silent == []
