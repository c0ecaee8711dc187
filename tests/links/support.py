"""A small world of sources that need no ERP: records in memory behind the same ports, three sources and two or three roles."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from sync_engine.config import SourceConfig
from sync_engine.lake import Lake
from sync_engine.ops.runs.source_run import Runtime
from sync_engine.ownership.policy import DEFAULT_POLICY, Policy, Rule
from sync_engine.ports import Draft, Exclusion, Normalised, Normaliser
from sync_engine.records import Cursor, Probe, RawRecord, RecordBatch, Stream
from sync_engine.stages.normalise import normalise
from sync_engine.stages.publish import Published, publish
from sync_engine.stages.pull import pull
from sync_engine.stages.source_run import SourceRun
from sync_engine.store.db import fetch, open_engine, transaction
from sync_engine.store.runs import close_run, open_run

START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
STREAMS = {
    "companies": Stream("companies", "dimensions", "company", has_cursor=False),
    "owners": Stream("owners", "dimensions", "account_owner", has_cursor=False),
    "terms": Stream("terms", "dimensions", "reference", has_cursor=False),
    "dimensions": Stream("dimensions", "dimensions", "dimension", has_cursor=False),
    "values": Stream("values", "dimensions", "dimension_value", has_cursor=False),
    "debtors": Stream("debtors", "debtors", "debtor", has_cursor=False),
    "details": Stream("details", "debtors", "debtor", has_cursor=False, facet=True),
    "cards": Stream("cards", "debtors", "debtor_dimension", has_cursor=False),
    "contacts": Stream("contacts", "contacts", "contact", has_cursor=False),
    "documents": Stream("documents", "documents", "document", has_cursor=False),
    "entries": Stream("entries", "payments", "ledger_entry", has_cursor=False),
    "payments": Stream("payments", "payments", "payment", has_cursor=False),
    "applications": Stream("applications", "payments", "application", has_cursor=False),
}
Record = dict[str, Any]
CRM_FIRST = Policy(
    rules=(
        Rule(groups=("general", "contact"), ranking=("crm", "erp", "collections")),
        Rule(ranking=("erp", "crm", "collections")),
    )
)
"""The CRM is master of what a customer is called and how to reach him, while it is linked."""


@dataclass
class Ticking:
    """A clock that moves a second every time it is looked at."""

    time: datetime = START

    def now(self) -> datetime:
        """The next second."""
        self.time += timedelta(seconds=1)
        return self.time

    def sleep(self, seconds: float) -> None:
        """Moves on."""
        self.time += timedelta(seconds=seconds)


@dataclass
class InMemory:
    """A connector on a dictionary: every pull is a full sweep."""

    source: str
    records: dict[str, dict[str, Record]]
    calls: int = 0

    @property
    def streams(self) -> Mapping[str, Stream]:
        """The wire entities this source has records of, or ever had."""
        return {name: stream for name, stream in STREAMS.items() if name in self.records}

    def probe(self) -> Probe:
        """Nothing to look at."""
        return Probe("memory", "1", self.source)

    def pull(self, entity: str, since: Cursor | None) -> Iterator[RecordBatch]:
        """Everything, sorted by key."""
        rows = [
            RawRecord(key, json.dumps(values, sort_keys=True).encode(), None)
            for key, values in sorted(self.records[entity].items())
        ]
        yield RecordBatch(entity, rows, complete=True)

    def close(self) -> None:
        """Nothing to close."""


class AsTheyAre:
    """A normaliser for payloads that are drafts already, or say why they are left out."""

    version = "as they are"

    def normalise(self, entity: str, records: Sequence[tuple[str, bytes]]) -> Normalised:
        """Payload in, claim out; `lines` are the children of a document, `left_out` the reason why a record is excluded."""
        done = Normalised()
        for key, payload in records:
            values = json.loads(payload)
            if reason := values.pop("left_out", None):
                done.excluded.append(Exclusion(key, reason))
            else:
                done.drafts.append(Draft(key, values, values.pop("lines", ())))
        return done


@dataclass
class World:
    """Sources in memory, the store they are pulled into, and what to look at afterwards."""

    store: Engine
    lake: Lake
    clock: Ticking = field(default_factory=Ticking)
    policy: Policy = DEFAULT_POLICY
    configs: dict[str, SourceConfig] = field(default_factory=dict)
    records: dict[str, dict[str, dict[str, Record]]] = field(default_factory=dict)
    normaliser: Normaliser = field(default_factory=AsTheyAre)
    unread: set[tuple[str, str]] = field(default_factory=set)
    """Sources and their entities that cannot be read at the moment."""

    @property
    def runtime(self) -> Runtime:
        """What operations work with."""
        return Runtime(self.store, self.lake, self.clock, self.policy)

    def add(self, source: str, role: str, **config: Any) -> None:
        """Adds a source that has debtors and contacts."""
        self.configs[source] = SourceConfig.model_validate(
            {"source": source, "connector": "memory", "role": role, **config}
        )
        self.records[source] = {"companies": {}, "debtors": {}, "contacts": {}}

    def say(self, source: str, entity: str, key: str, **values: Any) -> None:
        """A record as its source has it now."""
        self.records[source].setdefault(entity, {})[key] = values

    def run(self, source: str) -> Published:
        """Pulls, normalises and publishes one source."""
        config = self.configs[source]
        run_id = open_run(self.store, source, "full", "test", config.digest)
        connector = InMemory(source, self.records[source])
        source_run = SourceRun(
            config,
            self.store,
            self.lake,
            self.normaliser,
            connector,
            self.clock,
            run_id,
            self.policy,
            accept_deletes=True,
            accept_moves=True,
            actor="engine",
        )
        source_run.register()
        for entity in connector.streams:
            if (source, entity) not in self.unread:
                pull(source_run, entity)
            normalise(source_run, entity)
        done = publish(source_run)
        close_run(self.store, run_id, "succeeded", cut_id=done.cut_id)
        return done

    def rows(self, sql: str, **values: Any) -> list[Any]:
        """What a statement finds."""
        with transaction(self.store, "looking") as connection:
            return fetch(connection, sql, **values)

    def one(self, sql: str, **values: Any) -> Any:
        """The single value a statement finds."""
        return self.rows(sql, **values)[0][0]

    def debtor_of(self, source: str, key: str) -> str | None:
        """The canonical debtor a source record is linked to."""
        rows = self.rows(
            "SELECT canonical_id FROM canonical.link WHERE entity = 'debtor' AND source = :s AND external_id = :k",
            s=source,
            k=key,
        )
        return str(rows[0][0]) if rows else None

    def field(self, debtor: str | None, name: str) -> Any:
        """The value of a debtor's field."""
        return self.one(f"SELECT {name} FROM canonical.debtor WHERE id = CAST(:id AS uuid)", id=debtor)

    def master(self, debtor: str | None, name: str) -> Any:
        """The source that is master of a debtor's field."""
        return self.one(
            "SELECT provenance ->> :name FROM canonical.debtor WHERE id = CAST(:id AS uuid)",
            id=debtor,
            name=name,
        )

    def state(self) -> dict[str, frozenset[str]]:
        """Everything readers see, as sets of rows: living records, links, what was overruled, who owes what.

        Left out: when and in which cut a row last changed, and tombstones, which stay as a trace of records that came and went.
        """
        living = {
            t: self.rows(
                f"SELECT CAST(to_jsonb(x) - '{{changed_at,cut_id,first_seen_at}}'::text[] AS text) FROM canonical.{t} x WHERE deleted_at IS NULL"
            )
            for t in (
                "debtor",
                "contact",
                "document",
                "payment",
                "debtor_dimension",
                "application",
                "debtor_group",
            )
        }
        living["link"] = self.rows("SELECT CAST(to_jsonb(x) AS text) FROM canonical.link x")
        living["overruled"] = self.rows(
            "SELECT CAST(to_jsonb(x) - 'since' AS text) FROM canonical.overruled x"
        )
        living["balance"] = self.rows("""
            SELECT debtor_id || ' ' || coalesce(sum(open_amount), 0) FROM canonical.document WHERE deleted_at IS NULL GROUP BY debtor_id""")
        return {name: frozenset(str(r[0]) for r in rows) for name, rows in living.items()}

    def decided(self) -> dict[str, frozenset[str]]:
        """What people decided, as sets of rows: pins, and what is never to be linked."""
        return {
            name: frozenset(
                str(r[0]) for r in self.rows(f"SELECT CAST(to_jsonb(x) AS text) FROM engine.{name} x")
            )
            for name in ("pin", "negative_link")
        }


def open_world(database: str, folder: Path) -> World:
    """An empty world on a migrated database."""
    return World(open_engine(database), Lake(str(folder)))


def three_sources(world: World) -> World:
    """An ERP with documents, a CRM in mode none, and a collections tool in mode manual: HANSEN & SØN, Müller, Bianchi."""
    world.add("erp", "erp")
    world.add(
        "crm",
        "crm",
        links={"debtor": {"mode": "none"}, "contact": {"mode": "automatic", "create_unmatched": True}},
    )
    world.add("dunning", "collections", links={"debtor": {"mode": "manual"}, "contact": {"mode": "manual"}})
    world.say(
        "erp",
        "companies",
        "1",
        name="Nordlys A/S",
        base_currency="DKK",
        country="DK",
        registration_no="10203040",
    )
    debtors = (
        ("E1", "10000", "HANSEN & SØN A/S", "DK", "31415926", "bogholderi@hansen.dk", "8000"), ("E2", "10001", "Müller GmbH", "DE", None,
            "buchhaltung@mueller.de", "20095"),
        ("E3", "10002", "Bianchi S.p.A.", "IT", None, None, "00184"), ("E4", "10003", "Hansen og Søn (old)", "DK", None, "kontor@gammelt.dk", "8000"),
    )  # fmt: skip
    for key, number, name, country, registration, email, postcode in debtors:
        world.say(
            "erp",
            "debtors",
            key,
            number=number,
            name=name,
            country=country,
            registration_no=registration,
            email=email,
            postcode=postcode,
            status="active",
            credit_limit="1000.00",
            phone="+45 12 34 56 78" if key == "E1" else None,
        )
    for place, (debtor, total) in enumerate(
        (("E1", "100.00"), ("E1", "250.50"), ("E2", "75.25"), ("E4", "40.00")), 1
    ):
        world.say(
            "erp",
            "documents",
            f"D{place}",
            debtor_key=debtor,
            kind="invoice",
            number=f"INV-{place}",
            issue_date="2026-01-15",
            due_date="2026-02-15",
            currency="DKK",
            total=total,
            open_amount=total,
            erp_status="open",
            is_posted=True,
            lines=[{"line_key": "1", "line_no": 1, "description": "Post", "net": total}],
        )
    world.say(
        "erp",
        "contacts",
        "EC1",
        debtor_key="E1",
        first_name="Anna",
        last_name="Hansen",
        full_name="Anna Hansen",
        email="anna@hansen.dk",
        title="Controller",
        position="Controller",
    )
    world.say(
        "crm",
        "debtors",
        "C1",
        number="10000",
        name="Hansen & Soen",
        country="DK",
        email="info@hansen.dk",
        phone="87654321",
        postcode="8000",
        status="active",
    )
    world.say(
        "crm",
        "debtors",
        "C2",
        number="K-2",
        name="Mueller Gmbh",
        country="DE",
        email="einkauf@mueller.de",
        postcode="20095",
        status="active",
    )
    world.say(
        "crm",
        "debtors",
        "C3",
        number="K-3",
        name="Prospekt & Partner",
        country="DK",
        email="hej@prospekt.dk",
        postcode="2100",
        status="active",
    )
    world.say(
        "crm",
        "contacts",
        "CC1",
        debtor_key="C1",
        full_name="Anna Hansen",
        email="ANNA@hansen.dk",
        title="CFO",
        position="CFO",
        phone="11223344",
    )
    world.say(
        "crm",
        "contacts",
        "CC2",
        debtor_key="C1",
        full_name="Bo Søn",
        email="bo@hansen.dk",
        title="Owner",
        position="Owner",
    )
    world.say(
        "dunning", "debtors", "T1", number="10000", chasing_paused=True, pause_reason="disputes everything"
    )
    return world
