"""The stages over the simulator in process: runs with a fresh connector each, what they leave, and the simulator's own truth."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest
from psycopg import sql
from sqlalchemy import Engine, text

from connectors.business_central import BusinessCentral, Settings, plugin
from sync_engine.config import SourceConfig
from sync_engine.errors import AuthenticationFailed, SourceError, SyncError, TransientError
from sync_engine.lake import Lake
from sync_engine.ops.runs.source_run import Ran, Runtime, open_lane, registered, run_source
from sync_engine.platform.urls import database_of, psycopg_url
from sync_engine.ports import Clock, Connector, Normaliser
from sync_engine.records import Offered, Stream
from sync_engine.stages.normalise import Normalisation, normalise, remember_version
from sync_engine.stages.publish import Published, publish
from sync_engine.stages.pull import Pulled, pull
from sync_engine.stages.source_run import SourceRun
from sync_engine.store.db import open_engine
from sync_engine.store.runs import close_run, open_run, source_lock
from tests.connectors.support import Bench, Hands, furnish
from tests.simulators.business_central.app import BusinessCentralSimulator
from tests.simulators.business_central.clock import SimulatorClock
from tests.simulators.business_central.settings import settings as facts_of
from tests.simulators.business_central.world import Company, Installation, World

ROUTES = ("custom_api", "odata_page", "analytics", "reports_finance", "invoices")
SECRET = "BC_TEST_SECRET"
Snapshot = dict[str, set[tuple[Any, ...]]]


@dataclass
class Outcome:
    """What one run came to, stage by stage."""

    run_id: UUID
    pulled: dict[str, Pulled] = field(default_factory=dict)
    normalised: dict[str, Normalisation] = field(default_factory=dict)
    published: Published | None = None
    failures: dict[str, SyncError] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    @property
    def cut(self) -> Published:
        """The published cut of a run that got that far."""
        assert self.published is not None
        return self.published

    def total(self, name: str, *, stage: str = "pulled") -> int:
        """A figure of the counts summed over all entities."""
        return sum(int(getattr(step.counts, name)) for step in getattr(self, stage).values())


class Ahead:
    """A clock that is ahead of the simulated one by a fixed time."""

    def __init__(self, hands: Hands, by: timedelta) -> None:
        self._hands, self._by = hands, by

    def now(self) -> datetime:
        """The wrong time."""
        return self._hands.now() + self._by

    def sleep(self, seconds: float) -> None:
        """Waits."""
        self._hands.sleep(seconds)


class Narrow:
    """A connector of which only some entities are offered: tests that run many times need few of them."""

    def __init__(self, whole: BusinessCentral, only: tuple[str, ...]) -> None:
        self._whole, self._only = whole, only

    @property
    def streams(self) -> dict[str, Stream]:
        """The offered ones."""
        return {name: stream for name, stream in self._whole.streams.items() if name in self._only}

    @property
    def offered(self) -> Offered:
        """The test alone decides what is offered."""
        return Offered(by_settings=True)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._whole, name)


@dataclass
class Rig:
    """One source: a simulated company, the engine's database and lake, and how to run it."""

    bench: Bench
    store: Engine
    lake: Lake
    config: SourceConfig
    wrap: Callable[[Normaliser], Normaliser] | None = None
    only: tuple[str, ...] = ()
    clock: Clock | None = None

    @property
    def company(self) -> Company:
        """The simulated company, to change."""
        return self.bench.company

    @property
    def simulator(self) -> BusinessCentralSimulator:
        """The simulator, to inject faults into."""
        return self.bench.simulator

    def advance(self, **by: float) -> None:
        """Moves the simulated time."""
        self.bench.hands.time.advance(timedelta(**by))

    @property
    def runtime(self) -> Runtime:
        """The engine's side: store, lake and clock (the simulator's own, unless the test sets another)."""
        return Runtime(self.store, self.lake, self.clock or self.bench.hands)

    def connector(self) -> Connector:
        """A fresh connector on the simulator, of some entities only where the test wants that."""
        transport = httpx.WSGITransport(app=self.simulator, raise_app_exceptions=True)
        whole = plugin.open(
            self.config.source,
            Settings.read(self.config.connection),
            self.clock or self.bench.hands,
            transport,
        )
        return Narrow(whole, self.only) if self.only else whole

    @contextmanager
    def source_run(
        self, run_id: UUID, *, accept_deletes: bool = False, accept_moves: bool = False
    ) -> Iterator[SourceRun]:
        """A registered lane with a fresh connector."""
        lane = open_lane(
            self.runtime,
            self.config,
            run_id,
            connector=self.connector(),
            accept_deletes=accept_deletes,
            accept_moves=accept_moves,
        )
        with registered(lane) as source_run:
            if self.wrap is not None:
                source_run.normaliser = self.wrap(source_run.normaliser)
            yield source_run

    def run(
        self,
        *,
        full: bool = False,
        entities: tuple[str, ...] | None = None,
        accept_deletes: bool = False,
        accept_moves: bool = False,
        tolerant: bool = False,
    ) -> Outcome:
        """All stages in order, as the command line runs them; `tolerant` goes on past an entity that cannot be read.

        `entities` are the ones pulled, all without it; normalising and publishing take up whatever is there.
        """
        with source_lock(self.store, self.config.source, wait=False):
            outcome = Outcome(
                open_run(
                    self.store, self.config.source, "full" if full else "changes", "test", self.config.digest
                )
            )
            try:
                with self.source_run(
                    outcome.run_id, accept_deletes=accept_deletes, accept_moves=accept_moves
                ) as source_run:
                    self._stages(source_run, outcome, full=full, entities=entities, tolerant=tolerant)
                    outcome.warnings = source_run.warnings
            except SyncError as error:
                close_run(self.store, outcome.run_id, "failed", error)
                raise
            close_run(self.store, outcome.run_id, "partial" if outcome.failures else "succeeded")
        return outcome

    def run_whole(self, **options: Any) -> Ran:
        """The run that the command line and Dagster make, with its second thread and its certificate."""
        return run_source(self.runtime, self.config, connector=self.connector(), **options)

    def _stages(
        self,
        source_run: SourceRun,
        outcome: Outcome,
        *,
        full: bool,
        entities: tuple[str, ...] | None,
        tolerant: bool,
    ) -> None:
        for entity in source_run.to_pull() if entities is None else entities:
            try:
                outcome.pulled[entity] = pull(source_run, entity, full=full)
            except AuthenticationFailed:
                raise
            except (SourceError, TransientError) as error:
                if not tolerant:
                    raise
                outcome.failures[entity] = error
        for entity in source_run.streams():
            outcome.normalised[entity] = normalise(source_run, entity)
        remember_version(source_run)
        outcome.published = publish(source_run)

    def beside(self, store: Engine, lake: Path, **changes: Any) -> Rig:
        """The same company read into another database, or as another source."""
        return replace(self, store=store, lake=Lake(str(lake)), config=self.config.model_copy(update=changes))

    def rows(self, statement: str, **values: Any) -> list[tuple[Any, ...]]:
        """All rows of a statement."""
        with self.store.connect() as connection:
            return [tuple(row) for row in connection.execute(text(statement), values)]

    def one(self, statement: str, **values: Any) -> Any:
        """The single value of a statement."""
        return self.rows(statement, **values)[0][0]

    def execute(self, statement: str, **values: Any) -> None:
        """One statement, committed."""
        with self.store.begin() as connection:
            connection.execute(text(statement), values)

    def document(self, number: str) -> dict[str, Any]:
        """One living canonical document by its number."""
        with self.store.connect() as connection:
            found = (
                connection.execute(
                    text(
                        "SELECT * FROM canonical.document WHERE source = :s AND external_no = :n AND deleted_at IS NULL"
                    ),
                    {"s": self.config.source, "n": number},
                )
                .mappings()
                .all()
            )
        assert len(found) == 1, f"{len(found)} documents {number}"
        return dict(found[0])

    def debtor(self, number: str) -> dict[str, Any]:
        """One living canonical debtor by its number."""
        with self.store.connect() as connection:
            found = (
                connection.execute(
                    text("SELECT * FROM canonical.debtor WHERE number = :n AND deleted_at IS NULL"),
                    {"n": number},
                )
                .mappings()
                .all()
            )
        assert len(found) == 1, f"{len(found)} debtors {number}"
        return dict(found[0])

    def record(self, entity: str, key: str) -> dict[str, Any]:
        """What the engine remembers of one source record."""
        statement = text(
            "SELECT r.* FROM engine.source_record r JOIN engine.stream s USING (stream_id) WHERE s.source = :s AND s.entity = :e AND r.key = :k"
        )
        with self.store.connect() as connection:
            return dict(
                connection.execute(statement, {"s": self.config.source, "e": entity, "k": key})
                .mappings()
                .one()
            )

    def files(self) -> list[str]:
        """What the lake holds of this source."""
        return sorted(self.lake.files(self.config.source))


def bench_of(
    monkeypatch: pytest.MonkeyPatch,
    *,
    world: Callable[[Company, SimulatorClock], None] = furnish,
    **installed: Any,
) -> Bench:
    """A simulator with one company on an installation of one's choice."""
    installation = Installation(**installed)
    monkeypatch.setenv(SECRET, installation.client_secret)
    hands = Hands()
    there = World(hands.time, seed=7, installation=installation)
    company = there.add_company("HANSEN & SØN's A/S", "Hansen & Søn")
    world(company, hands.time)
    return Bench(BusinessCentralSimulator(there, sleep=hands.sleep), company, hands)


def config_of(
    bench: Bench,
    *,
    source: str = "bc",
    route: str = "custom_api",
    dimension: str | None = "CUSTOMERGROUP",
    **changes: Any,
) -> SourceConfig:
    """The YAML of the bench's company, as it would be read."""
    facts = facts_of(bench.simulator, "https://localhost")
    publisher, group, version = facts.custom_api.strip("/").split("/")[-3:]
    ledger: dict[str, Any] = {"route": route}
    if route == "custom_api":
        ledger["custom"] = {"publisher": publisher, "group": group, "version": version}
    connection = {
        "base_url": facts.base_url,
        "authority": facts.authority,
        "environment": facts.environment,
        "company": bench.company.name,
        "auth": {"client_id": facts.client_id, "client_secret": f"env:{SECRET}"},
        "ledger": ledger,
        "page_size": 50,
        "document_page_size": 25,
    }
    connection |= changes.pop("connection", {})
    portfolio = {"dimension": dimension} if dimension else None
    return SourceConfig.model_validate(
        {"source": source, "connector": "business_central", "connection": connection, "portfolio": portfolio}
        | changes
    )


@contextmanager
def rig_on(bench: Bench, url: str, lake: Path, **changes: Any) -> Iterator[Rig]:
    """A rig over a migrated database."""
    store = open_engine(url)
    try:
        yield Rig(bench, store, Lake(str(lake)), config_of(bench, **changes))
    finally:
        store.dispose()


# What the runs left ---------------------------------------------------------------------------------

VOLATILE = {
    "first_seen_at",
    "changed_at",
    "cut_id",
    "decided_at",
    "at",
    "run_id",
    "published_at",
    "seq",
    "since",
}
MOMENTS = {"deleted_at", "archived_at"}
"""Compared as 'has one', since two runs do not happen at the same moment."""
APART = {"change", "cut", "certificate", "claim_inbox", "ageing_bucket"}


def snapshot(store: Engine, *, source: str | None = None) -> Snapshot:
    """Every canonical table as a set of rows, without what tells when a row was written."""
    found: Snapshot = {}
    with store.connect() as connection:
        for table, columns in _tables(connection).items():
            if source is not None and "source" not in columns:
                continue
            listed = ", ".join(f"{c} IS NOT NULL" if c in MOMENTS else f"CAST({c} AS text)" for c in columns)
            where = " WHERE source = :source" if source is not None else ""
            values = {"source": source} if where else {}
            found[table] = {
                tuple(row)
                for row in connection.execute(text(f"SELECT {listed} FROM canonical.{table}{where}"), values)
            }
    return found


def living(store: Engine) -> Snapshot:
    """The snapshot of what lives: without tombstones and what belongs to them only, archived portfolios, positions nobody has.

    It is what a load into an empty store must give as well; that one has never seen what is gone, and knows no debtor for what a
    deleted customer once bought.
    """
    buried = "EXISTS (SELECT FROM canonical.debtor b WHERE b.id = {}.debtor_id AND b.deleted_at IS NOT NULL)"
    gone = {
        "link": "NOT EXISTS (SELECT FROM canonical.debtor d WHERE d.id = t.canonical_id AND d.deleted_at IS NULL)"
        " AND NOT EXISTS (SELECT FROM canonical.contact c WHERE c.id = t.canonical_id AND c.deleted_at IS NULL)",
        "document": buried.format("t"),
        "payment": buried.format("t"),
        "instalment": f"EXISTS (SELECT FROM canonical.document d WHERE d.id = t.document_id AND {buried.format('d')})",
        "document_line": f"EXISTS (SELECT FROM canonical.document d WHERE d.id = t.document_id AND (d.deleted_at IS NOT NULL OR {buried.format('d')}))",
        "application": " OR ".join(
            f"EXISTS (SELECT FROM canonical.{table} x WHERE x.id IN (t.from_id, t.to_id) AND {buried.format('x')})"
            for table in ("document", "payment")
        ),
        "portfolio": "NOT EXISTS (SELECT FROM canonical.dimension_value v WHERE v.id = t.dimension_value_id AND v.deleted_at IS NULL AND NOT v.is_heading)",
        "contact_position": "NOT EXISTS (SELECT FROM canonical.contact c WHERE c.position_id = t.id AND c.deleted_at IS NULL)",
    }
    found: Snapshot = {}
    with store.connect() as connection:
        for table, columns in _tables(connection).items():
            left_out = (
                {"name", "origin"} if table == "contact_position" else set()
            )  # the first spelling stays
            listed = ", ".join(
                f"{c} IS NOT NULL" if c in MOMENTS else f"CAST({c} AS text)"
                for c in columns
                if c not in left_out
            )
            conditions = [
                *(["t.deleted_at IS NULL"] if "deleted_at" in columns else []),
                *([f"NOT ({gone[table]})"] if table in gone else []),
            ]
            where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
            found[table] = {
                tuple(row)
                for row in connection.execute(text(f"SELECT {listed} FROM canonical.{table} t{where}"))
            }
    return found


def _tables(connection: Any) -> dict[str, list[str]]:
    tables: dict[str, list[str]] = defaultdict(list)
    for table, column in connection.execute(
        text("""
        SELECT c.table_name, c.column_name FROM information_schema.columns c JOIN information_schema.tables t USING (table_schema, table_name)
        WHERE c.table_schema = 'canonical' AND t.table_type = 'BASE TABLE' ORDER BY 1, c.ordinal_position
        """)
    ):
        if table not in APART and column not in VOLATILE:
            tables[table].append(column)
    return dict(tables)


def difference(ours: Snapshot, theirs: Snapshot) -> dict[str, tuple[list[Any], list[Any]]]:
    """Per table: rows only here and rows only there; empty when both are the same."""
    found = {}
    for table in sorted(ours.keys() | theirs.keys()):
        left, right = ours.get(table, set()), theirs.get(table, set())
        if left != right:
            found[table] = (sorted(left - right, key=str), sorted(right - left, key=str))
    return found


# The simulator's truth -------------------------------------------------------------------------------

_OPEN = """
    SELECT x.debtor, x.currency, sum(x.amount), coalesce(sum(x.base), 0) FROM (
        SELECT debtor_key AS debtor, currency, CASE kind WHEN 'credit_note' THEN -open_amount ELSE open_amount END AS amount,
               CASE kind WHEN 'credit_note' THEN -open_amount_base ELSE open_amount_base END AS base
        FROM canonical.document WHERE source = :source AND deleted_at IS NULL AND erp_status <> 'draft' AND (erp_status <> 'void' OR entry_no IS NOT NULL)
        UNION ALL
        SELECT debtor_key, currency, CASE kind WHEN 'refund' THEN unapplied_amount ELSE -unapplied_amount END,
               CASE kind WHEN 'refund' THEN unapplied_amount_base ELSE -unapplied_amount_base END
        FROM canonical.payment WHERE source = :source AND deleted_at IS NULL) x
    GROUP BY 1, 2
"""


def open_amounts(rig: Rig) -> dict[tuple[str, str], tuple[Decimal, Decimal]]:
    """(debtor key, currency) -> open amount and the same in base currency, where not nought."""
    rows = rig.rows(_OPEN, source=rig.config.source)
    return {(d, c): (a, b) for d, c, a, b in rows if a or b}


def true_open_amounts(company: Company) -> dict[tuple[str, str], tuple[Decimal, Decimal]]:
    """The same from the simulator's ledger."""
    found: dict[tuple[str, str], tuple[Decimal, Decimal]] = {}
    for entry in company.entries.values():
        if entry.open:
            key = (entry.customer_id, entry.currency_code or company.local_currency)
            amount, base = found.get(key, (Decimal(0), Decimal(0)))
            found[key] = (amount + entry.remaining, base + entry.remaining_lcy)
    return {key: figures for key, figures in found.items() if any(figures)}


def open_invoices(rig: Rig) -> dict[str, Decimal]:
    """Number -> open amount of invoices still open, as far as canonical knows."""
    return dict(
        rig.rows(
            """
        SELECT external_no, open_amount FROM canonical.document WHERE source = :s AND kind = 'invoice' AND deleted_at IS NULL
            AND open_amount <> 0 AND erp_status NOT IN ('void', 'draft')
        """,
            s=rig.config.source,
        )
    )


def true_open_invoices(company: Company, *, released: bool = False) -> dict[str, Decimal]:
    """The same from the simulator's posted invoices; with the released ones, which a reader without any ledger cannot tell from them."""
    owing = [x for x in company.invoices.values() if x.posted or (released and x.state == "Released")]
    return {x.number: company.owed_of(x) for x in owing if company.owed_of(x)}


def portfolios_of(rig: Rig) -> dict[str, str | None]:
    """Debtor number -> code of its portfolio."""
    return dict(
        rig.rows(
            "SELECT d.number, p.code FROM canonical.debtor d LEFT JOIN canonical.portfolio p ON p.id = d.portfolio_id WHERE d.deleted_at IS NULL"
        )
    )


def true_portfolios(company: Company, dimension: str = "CUSTOMERGROUP") -> dict[str, str | None]:
    """Customer number -> code of the value on its card; headings, totals and vanished values give none."""
    found: dict[str, str | None] = {}
    for row in company.customers.values():
        card = company.default_dimension(row.id, dimension)
        value = company.dimension_values.get(card.value_id or "") if card else None
        found[row.number] = value.code if value and value.type == "Standard" else None
    return found


def positions_of(rig: Rig) -> dict[str, str | None]:
    """Contact number -> position of living contacts."""
    return dict(
        rig.rows("""
        SELECT c.number, p.name_key FROM canonical.contact c LEFT JOIN canonical.contact_position p ON p.id = c.position_id WHERE c.deleted_at IS NULL
        """)
    )


def true_positions(company: Company) -> dict[str, str | None]:
    """Contact number -> folded title of persons whose company is a customer's contact."""
    customers = {
        contact.id
        for customer in company.customers
        for contact in [company.company_contact(customer)]
        if contact
    }
    return {
        x.number: x.job_title.strip().casefold() or None
        for x in company.contacts.values()
        if x.type == "Person" and x.company_id in customers
    }


def assert_true(rig: Rig) -> None:
    """Canonical ties to the simulator: what is open per debtor and currency, who there is, portfolios and positions."""
    company = rig.company
    assert open_amounts(rig) == true_open_amounts(company)
    assert open_invoices(rig) == true_open_invoices(company)
    debtors = {
        number
        for (number,) in rig.rows(
            "SELECT number FROM canonical.debtor WHERE deleted_at IS NULL AND NOT excluded"
        )
    }
    assert debtors == {customer.number for customer in company.customers.values()}
    assert portfolios_of(rig) == true_portfolios(company)
    assert positions_of(rig) == true_positions(company)


def assert_sound(rig: Rig) -> None:
    """Nothing half done: no open run, no orphan, nothing waiting, no cursor ahead of what is landed, files as the manifest says where it knows of no damage."""
    assert rig.one("SELECT count(*) FROM engine.run WHERE finished_at IS NULL") == 0
    assert (
        rig.rows(
            "SELECT DISTINCT source FROM engine.source_record JOIN engine.stream USING (stream_id) WHERE dirty"
        )
        == []
    )
    assert (
        rig.rows("SELECT path FROM engine.lake_manifest WHERE normalised_as IS NULL OR published_at IS NULL")
        == []
    )
    for child, parent, key in (
        ("document", "debtor", "debtor_id"),
        ("payment", "debtor", "debtor_id"),
        ("contact", "debtor", "debtor_id"),
        ("document_line", "document", "document_id"),
        ("debtor_dimension", "debtor", "debtor_id"),
        ("debtor", "portfolio", "portfolio_id"),
        ("contact", "contact_position", "position_id"),
    ):
        alive = "" if child == "document_line" else "AND c.deleted_at IS NULL"
        orphans = rig.one(f"""
            SELECT count(*) FROM canonical.{child} c
            WHERE c.{key} IS NOT NULL {alive} AND NOT EXISTS (SELECT FROM canonical.{parent} p WHERE p.id = c.{key})
            """)
        assert orphans == 0, f"{orphans} of {child} without their {parent}"
    assert (
        rig.rows("""
        SELECT d.external_no, d.open_amount, d.total - coalesce(d.ledger_difference, 0), i.n, i.open_amount, i.amount FROM canonical.document d
        LEFT JOIN (SELECT document_id, count(*) AS n, max(number) AS last, sum(open_amount) AS open_amount, sum(amount) AS amount
            FROM canonical.instalment WHERE deleted_at IS NULL GROUP BY 1) i ON i.document_id = d.id
        WHERE d.deleted_at IS NULL AND (d.open_amount, d.total - coalesce(d.ledger_difference, 0), i.last) IS DISTINCT FROM (i.open_amount, i.amount, i.n)
        """)
        == []
    ), "instalments are their document"
    assert (
        rig.rows("""
        SELECT i.external_id FROM canonical.instalment i LEFT JOIN canonical.document d ON d.id = i.document_id
        WHERE i.deleted_at IS NULL AND (d.id IS NULL OR d.deleted_at IS NOT NULL)
        """)
        == []
    ), "an instalment goes with its document"
    for end in ("from_id", "to_id"):
        assert (
            rig.rows(f"""
            SELECT external_id FROM canonical.application a WHERE deleted_at IS NULL
              AND NOT EXISTS (SELECT FROM canonical.payment p WHERE p.id = a.{end} AND p.deleted_at IS NULL)
              AND NOT EXISTS (SELECT FROM canonical.document d WHERE d.id = a.{end} AND d.deleted_at IS NULL)
            """)
            == []
        )
    assert (
        rig.one(
            "SELECT count(*) FROM engine.source_record r WHERE NOT EXISTS (SELECT FROM engine.lake_manifest m WHERE m.batch_id = r.batch_id)"
        )
        == 0
    )
    manifest = rig.rows(
        "SELECT path FROM engine.lake_manifest m JOIN engine.stream s USING (stream_id) WHERE s.source = :s AND m.damage IS NULL",
        s=rig.config.source,
    )
    known = {path for (path,) in manifest}
    assert known <= set(rig.files())


@contextmanager
def another_database(server: str, *, like: str = "migrated") -> Iterator[str]:
    """One more database on the test server, a copy of the migrated one or of another; `server` is fixture migrated_template."""
    name = f"test_{uuid4().hex[:12]}"
    with psycopg.connect(psycopg_url(server), autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(like))
        )
    try:
        yield database_of(server, name)
    finally:
        with psycopg.connect(psycopg_url(server), autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
