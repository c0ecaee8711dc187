"""Who may have got another number: what is compared, and that it costs what is new and what is gone, not one times the other."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Connection, event, text

from sync_engine.records import Stream
from sync_engine.store.claims.identity import hold_renumbered
from sync_engine.store.db import open_engine
from sync_engine.store.landing.sources import StreamRow, register_source, register_streams, streams_of

STREAM = Stream("customers", "debtors", "debtor", keys_are_numbers=True)


@pytest.fixture
def connection(database: str) -> Iterator[Connection]:
    """A store that knows one source, whose debtors are keyed by numbers."""
    store = open_engine(database)
    with store.begin() as opened:
        register_source(
            opened,
            source="hansen",
            connector="economic",
            role="erp",
            environment="live",
            config={},
            config_hash="",
        )
        register_streams(opened, "hansen", [STREAM])
        yield opened
    store.dispose()


def stream_of(connection: Connection) -> StreamRow:
    """The stream of debtors."""
    return streams_of(connection, "hansen")["customers"]


def held(connection: Connection) -> dict[str, str]:
    """Keys put aside now, and why."""
    hold_renumbered(connection, stream_of(connection), version="1", run_id=uuid4())
    found = connection.execute(text("SELECT key, message FROM engine.quarantine"))
    return {str(key): str(why) for key, why in found}


def add(
    connection: Connection, first: int, last: int, claim: Mapping[str, str | None], *, is_gone: bool = False
) -> None:
    """Debtors of these numbers: new ones, or such as were linked and are gone. A percent sign in a claim stands for the place in the row."""
    connection.execute(
        text("""
        INSERT INTO engine.source_record (stream_id, key, raw_hash, batch_id, dirty, deleted_at, claim)
        SELECT :id, n, gen_random_uuid(), 1, NOT :is_gone, CASE WHEN :is_gone THEN now() END,
            CAST(replace(:claim, '%', CAST(n - :first AS text)) AS jsonb)
        FROM generate_series(CAST(:first AS int), CAST(:last AS int)) n
        """),
        {"id": stream_of(connection).stream_id, "first": first, "last": last, "is_gone": is_gone, "claim": json.dumps(dict(claim))},
    )  # fmt: skip
    if is_gone:
        connection.execute(
            text("""
            INSERT INTO canonical.link (entity, source, external_id, canonical_id, method)
            SELECT 'debtor', 'hansen', n, gen_random_uuid(), 'rule' FROM generate_series(CAST(:first AS int), CAST(:last AS int)) n
            """),
            {"first": first, "last": last},
        )


OLD: dict[str, str | None] = {"name": "Gammel Kro", "postcode": "8000", "registration_no": "30000001"}


@pytest.mark.parametrize(
    ("before", "now", "is_alike"),
    [
        ({}, {"name": "Noget andet"}, True),
        ({}, {"registration_no": "30000002"}, False),
        ({}, {"registration_no": None}, True),
        ({"registration_no": None}, {}, True),
        ({"registration_no": None}, {"registration_no": None, "name": "GAMMEL KRO"}, True),
        ({"registration_no": None}, {"registration_no": None, "name": "Noget andet"}, False),
        ({"registration_no": None}, {"registration_no": None, "postcode": "5000"}, False),
        ({"registration_no": None, "postcode": None}, {"registration_no": None, "postcode": None}, True),
    ],
)
def test_a_registration_number_decides_and_else_name_and_postcode(
    connection: Connection, before: dict[str, str | None], now: dict[str, str | None], is_alike: bool
) -> None:
    """Where both say a registration number it decides alone; where one of them says none, name and postcode do."""
    add(connection, 200, 200, OLD | before, is_gone=True)
    add(connection, 900, 900, OLD | now)
    assert (held(connection).keys() == {"900"}) is is_alike


def handled(plan: dict[str, Any]) -> int:
    """Rows that the steps of a plan gave or dropped."""
    dropped = plan.get("Rows Removed by Filter", 0) + plan.get("Rows Removed by Join Filter", 0)
    own: int = round((plan["Actual Rows"] + dropped) * plan["Actual Loops"])
    return own + sum(handled(part) for part in plan.get("Plans", ()))


def gone_through(connection: Connection) -> int:
    """Rows that looking for renumbered debtors handles."""
    rows = list[int]()

    def before(
        _connection: Connection, cursor: Any, statement: str, values: Any, _context: object, _many: bool
    ) -> None:
        if statement.lstrip().startswith(("SELECT", "CREATE")):
            cursor.execute("SAVEPOINT looked")
            cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", values)
            rows.append(handled(cursor.fetchone()[0][0]["Plan"]))
            cursor.execute("ROLLBACK TO looked")

    row = stream_of(connection)
    event.listen(connection, "before_cursor_execute", before)
    try:
        assert hold_renumbered(connection, row, version="1", run_id=uuid4()) == 0
    finally:
        event.remove(connection, "before_cursor_execute", before)
    return sum(rows)


def test_a_first_load_looks_at_nothing(connection: Connection) -> None:
    """Nothing ever vanished, so nobody can have got another number."""
    add(connection, 1, 2000, {"name": "Kunde %", "registration_no": "%"})
    connection.execute(text("ANALYZE engine.source_record"))
    assert gone_through(connection) < 5


def test_what_is_gone_is_not_looked_at_where_nobody_is_new(connection: Connection) -> None:
    """However many there are."""
    add(connection, 1, 2000, {"name": "Kunde %", "registration_no": "%"}, is_gone=True)
    connection.execute(text("ANALYZE engine.source_record"))
    assert gone_through(connection) < 5


@pytest.mark.parametrize("numbers", [("1%", "2%"), (None, None)])
def test_new_and_gone_are_not_compared_each_with_each(
    connection: Connection, numbers: tuple[str | None, str | None]
) -> None:
    """300 new ones and 300 that are gone: not the 90,000 pairs of them, whether the planner knows the table or not."""
    claims = [
        {"name": f"{name} %", "postcode": "8000", "registration_no": number}
        for name, number in zip(("Gammel", "Ny"), numbers, strict=True)
    ]
    add(connection, 1, 300, claims[0], is_gone=True)
    add(connection, 1001, 1300, claims[1])
    found = [gone_through(connection)]
    connection.execute(text("ANALYZE engine.source_record"))
    found.append(gone_through(connection))
    assert max(found) < 20_000
