"""A person who was erased is nowhere: not in a table, not in a landed file, and not after a replay or a full read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import zstandard
from sqlalchemy import Engine

from sync_engine.lake import Lake
from sync_engine.platform.home import lake_url
from sync_engine.store.db import fetch, open_engine, run_sql, transaction
from tests.cli.desk import Desk
from tests.simulators.business_central.records import Contact

FULL = {"first_name": "Zygmunt", "last_name": "Quellhorst", "name": "Zygmunt Quellhorst"}
WORDS = ("zygmunt", "quellhorst", "+4599887766")
BECAUSE = "request 17"


@pytest.fixture
def store(database: str) -> Iterator[Engine]:
    """A connection of the test's own."""
    opened = open_engine(database)
    yield opened
    opened.dispose()


def person(desk: Desk) -> Contact:
    """One person of the company, renamed to what nobody else is called, and what he was called before as well."""
    found = next(c for c in desk.company.contacts.values() if c.type == "Person" and c.company_id)
    desk.json("run", "bc")
    desk.company.edit_contact(found.number, email="zygmunt.before@example.com")
    desk.json("run", "bc")
    desk.company.edit_contact(found.number, **FULL, email="zygmunt@example.com", mobile="+4599887766")
    desk.json("run", "bc")
    return found


def hits(store: Engine, words: tuple[str, ...]) -> dict[str, int]:
    """Rows of every table, and landed files, that hold one of the words in any case."""
    found: dict[str, int] = {}
    with transaction(store, "searching") as connection:
        tables = fetch(
            connection,
            "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname IN ('canonical', 'engine', 'staging')",
        )
        for (table,) in tables:
            n = fetch(
                connection,
                f"SELECT count(*) FROM {table} t WHERE lower(CAST(t AS text)) LIKE ANY(:words)",
                words=[f"%{word.lower()}%" for word in words],
            )[0][0]
            if n:
                found[table] = int(n)
    lake = Path(lake_url())
    for file in lake.rglob("*"):
        if file.is_file():
            body = zstandard.ZstdDecompressor().decompressobj().decompress(file.read_bytes()).decode().lower()
            if any(word.lower() in body for word in words):
                found[str(file.relative_to(lake))] = 1
    return found


def rows(store: Engine, statement: str) -> list[list[object]]:
    """What the engine's own role reads."""
    with transaction(store, "looking") as connection:
        return [list(row) for row in fetch(connection, statement)]


def test_an_erased_person_is_nowhere_and_does_not_come_back(desk: Desk, store: Engine) -> None:
    """Planned, done, verified, replayed, read again in full: no row and no file knows the name, the number or the key."""
    who = person(desk)
    words = (*WORDS, who.id, who.number)
    (contact_id,) = desk.json("sql", "SELECT id FROM canonical.contact WHERE email = 'zygmunt@example.com'")[
        "rows"
    ][0]
    with transaction(store, "what people said") as connection:
        run_sql(
            connection,
            "INSERT INTO canonical.claim_inbox (entity, record_id, field, value, said_by) VALUES ('contact', :id, 'phone', '\"+4599887766\"', 'dialler')",
            id=contact_id,
        )
        run_sql(
            connection,
            "INSERT INTO engine.link_case (entity, source, external_id, outcome, candidates) VALUES ('contact', 'crm', 'x1', 'ambiguous', CAST(:c AS jsonb))",
            c='[{"name": "Zygmunt Quellhorst", "other": "HANSEN & SOEN"}]',
        )
        run_sql(
            connection,
            """
            INSERT INTO engine.link_plan (plan_hash, operation, plan, base, edits, reason) VALUES
                ('f00', '{}', '{}', '', CAST(:edits AS jsonb), 'Zygmunt Quellhorst rang')
            """,
            edits='[{"kind": "pin", "after": {"value": "zygmunt@example.com"}}, {"kind": "pin", "after": {"value": "kept"}}]',
        )
    before = hits(store, words)
    assert {
        "canonical.contact",
        "canonical.change",
        "engine.source_record",
        "canonical.claim_inbox",
        "engine.link_case",
    } <= set(before)
    assert sum(name.endswith(".zst") for name in before) >= 3
    head = desk.json("audit", "verify")["head"]

    planned = desk.json("erase", "contact", "zygmunt@example.com")
    assert hits(store, words) == before
    assert planned["record_id"] == contact_id
    done = desk.json(
        "erase",
        "contact",
        "zygmunt@example.com",
        "--apply",
        planned["hash"],
        "--because",
        BECAUSE,
        "--by",
        "DPO",
    )
    assert done["files"] == planned["files"] >= 3
    assert done["rows"]["canonical.contact"] == 1
    assert done["rows"]["canonical.change"] == planned["audit_rows"] > 1
    assert done["in_sources"]
    assert hits(store, words) == {}
    assert rows(store, "SELECT count(*) FROM engine.link_case WHERE candidates::text LIKE '%HANSEN%'") == [
        [1]
    ]

    assert rows(
        store, "SELECT jsonb_array_length(edits), reason FROM engine.link_plan WHERE plan_hash = 'f00'"
    ) == [[1, "erased"]]
    desk.json("audit", "verify", "--head", head)
    assert desk.run("lake", "verify").code == 0
    desk.json("replay", "bc")
    assert hits(store, words) == {}
    full = desk.json("run", "bc", "--full")
    assert full["outcome"] == "succeeded"
    assert sum(e["excluded"] for e in full["entities"] if "ontact" in e["entity"]) >= 1
    desk.company.edit_contact(who.number, phone="+4511223344")
    desk.json("run", "bc")
    assert hits(store, (*words, "+4511223344")) == {}
    desk.json("audit", "verify", "--head", head)
    erased = desk.json(
        "sql",
        f"SELECT op, actor, reason FROM canonical.change WHERE record_id = '{contact_id}' AND op = 'erase'",
    )
    assert erased["rows"] == [["erase", "DPO", BECAUSE]]


def test_the_chain_still_finds_a_change_in_what_was_left(desk: Desk, store: Engine) -> None:
    """An emptied row that somebody fills again, or alters, breaks the chain as any other."""
    person(desk)
    planned = desk.json("erase", "contact", "zygmunt@example.com")
    desk.json("erase", "contact", "zygmunt@example.com", "--apply", planned["hash"], "--because", BECAUSE)
    desk.json("audit", "verify")
    with transaction(store, "somebody writes past us") as connection:
        run_sql(
            connection,
            "UPDATE canonical.change SET new = '\"x\"' WHERE seq = (SELECT min(seq) FROM engine.erased_change)",
        )
    assert desk.run("audit", "verify").code == 1


def test_only_what_was_planned_is_erased(desk: Desk, store: Engine) -> None:
    """Another hash, no reason, or a person who changed meanwhile: nothing is done."""
    who = person(desk)
    planned = desk.json("erase", "contact", "zygmunt@example.com")
    before = hits(store, WORDS)
    assert (
        desk.run("erase", "contact", "zygmunt@example.com", "--apply", "0" * 64, "--because", BECAUSE).code
        == 2
    )
    assert desk.run("erase", "contact", "zygmunt@example.com", "--apply", planned["hash"]).code == 2
    assert hits(store, WORDS) == before
    desk.company.edit_contact(who.number, mobile="+4599887767")
    desk.json("run", "bc")
    said = desk.run(
        "erase", "contact", "zygmunt@example.com", "--apply", planned["hash"], "--because", BECAUSE
    )
    assert (said.code, "not what would be erased now" in said.err) == (2, True)
    assert desk.run("erase", "contact", "nobody@example.com").code == 2


def test_files_that_a_crash_left_are_removed_later(
    desk: Desk, store: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed after the commit, the replaced files are still there; the next erasure of anybody removes them."""
    person(desk)
    planned = desk.json("erase", "contact", "zygmunt@example.com")
    with monkeypatch.context() as patch:

        def dies(*_: object) -> None:
            raise KeyboardInterrupt

        patch.setattr(Lake, "remove", dies)
        assert (
            desk.run(
                "erase", "contact", "zygmunt@example.com", "--apply", planned["hash"], "--because", BECAUSE
            ).code
            == 130
        )
    left = hits(store, WORDS)
    assert left
    assert all(name.endswith(".zst") for name in left)
    other = desk.json(
        "sql", "SELECT id FROM canonical.contact WHERE full_name IS NOT NULL ORDER BY id LIMIT 1"
    )["rows"][0][0]
    again = desk.json("erase", "contact", other)
    desk.json("erase", "contact", other, "--apply", again["hash"], "--because", BECAUSE)
    assert hits(store, WORDS) == {}
