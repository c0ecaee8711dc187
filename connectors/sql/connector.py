"""The connector: tables and queries of a database behind the engine's port."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from connectors.sql import writing
from connectors.sql.databases import AnyDatabase, database_of
from connectors.sql.errors import translated
from connectors.sql.reading import EntityReading
from connectors.sql.session import AlchemySessions, DuckSessions, Session, Sessions, parsed_utc
from connectors.sql.settings import EntityRows, Settings, WriteStatement
from connectors.toolkit.declared import COMPANY, declared_stream
from sync_engine.canonical.declared import place_of
from sync_engine.errors import AuthenticationFailed, ConfigurationError, SourceError, TransientError
from sync_engine.ports import Clock
from sync_engine.records import (
    Capability,
    Change,
    ControlTotal,
    Current,
    Cursor,
    Probe,
    Receipt,
    RecordBatch,
    Stream,
    WriteRequest,
)


class Sql:
    """One database. Nothing is opened before it is asked for something; every reading has a connection and a snapshot of its own."""

    def __init__(self, source: str, settings: Settings, clock: Clock) -> None:
        self.source, self.settings, self._clock = source, settings, clock
        self._database: AnyDatabase = database_of(settings.product)
        self._zone = ZoneInfo(settings.time_zone)
        self._readings = 0
        self._ahead: timedelta | None = None

    def __repr__(self) -> str:
        return f"Sql({self.source!r})"

    @property
    def calls(self) -> int:
        """Connections opened so far: each reads one entity."""
        return self._readings

    @property
    def ahead(self) -> timedelta | None:
        """How far our clock is ahead of the server's, heard at the last reading; None for a file on this machine."""
        return self._ahead

    @cached_property
    def streams(self) -> Mapping[str, Stream]:
        """The declared entities, parents first. Connects once, so that a refused login shows before anything is read."""
        with self._session("url"):
            names = [*([COMPANY] if self.settings.company else []), *self.settings.entities]
            return {
                name: self._stream(name)
                for name in sorted(names, key=lambda n: (place_of(n), names.index(n)))
            }

    def probe(self) -> Probe:
        """The database, and whether the tables and queries have the columns that were declared."""
        with self._session("url"):
            pass
        found = [self._capability(name) for name in self.settings.entities]
        found += self._manners()
        company = self.settings.company.name if self.settings.company else self.source
        return Probe(
            self.settings.product, "", company, tuple(found), {"url": self.settings.url.split("?")[0]}
        )

    def pull(self, entity: str, since: Cursor | None) -> Iterator[RecordBatch]:
        """Everything, or what changed since the cursor: the latest stamp or version that was seen, never beyond the server's clock.

        `complete` is withheld where a row could not be told by its key: the record it stands for must not count as gone.
        """
        if entity == COMPANY and self.settings.company is not None:
            yield RecordBatch(COMPANY, [self.settings.company.record], complete=True)
            return
        with self._reading(entity) as (reading, now):
            start = _start(since, reading)
            latest, waiting = start, RecordBatch(entity, ())
            first = True
            for page in reading.pages(start, self.settings.fetch):
                if not first:
                    yield waiting
                first, waiting = False, RecordBatch(entity, page.records, tuple(page.deleted))
                if page.latest is not None and (latest is None or page.latest > latest):  # type: ignore[operator]
                    latest = page.latest
            yield RecordBatch(
                entity,
                waiting.records,
                waiting.deleted,
                resume_from=_cursor(latest, now),
                complete=since is None and not reading.keyless,
            )

    def pull_debtor(self, debtor_key: str) -> Iterator[RecordBatch]:
        """The rows of one debtor, all at one snapshot: its own, and of the entities whose YAML names the column with the debtor."""
        streams = self.streams
        with self._session("debtor") as (session, _):
            for name, stream in streams.items():
                declared = self.settings.entities.get(name)
                if declared is None or (declared.debtor is None and stream.canonical != "debtor"):
                    continue
                with translated(self.source, name, _what(declared)):
                    reading = self._entity(session, name, declared)
                    only = reading.belongs_to(debtor_key)
                    pages = [] if only is None else list(reading.pages(None, self.settings.fetch, only))
                records = [record for page in pages for record in page.records]
                if declared.debtor is None:
                    records = [record for record in records if record.key == debtor_key]
                yield RecordBatch(name, records, tuple(key for page in pages for key in page.deleted))

    def keys(self, entity: str) -> Iterator[Sequence[str]]:
        """The keys of all rows that are not marked as deleted."""
        if entity == COMPANY and self.settings.company is not None:
            yield [COMPANY]
            return
        with self._reading(entity) as (reading, _):
            yield from reading.keys(self.settings.fetch)

    def count(self, entity: str) -> int | None:
        """What the database counts."""
        if entity == COMPANY and self.settings.company is not None:
            return 1
        with self._reading(entity) as (reading, _):
            return reading.count()

    def writable(self, entity: str) -> frozenset[str]:
        """The columns of the declared statement. A file of DuckDB's is not written: another process has it open."""
        declared = self.settings.entities.get(entity)
        return frozenset() if self.settings.product == "duckdb" else writing.columns_of(declared)

    def current(self, entity: str, key: str) -> Current | None:
        """One row by its key."""
        with self._reading(entity) as (reading, _):
            return writing.current(reading, key, self.settings.fetch)

    def request(self, change: Change) -> WriteRequest:
        """The declared statement with what it would be given."""
        return writing.request(self._write_of(change), change)

    def push(self, change: Change) -> Receipt:
        """Runs the declared statement once, in a transaction that changes one row or nothing."""
        self._write_of(change)
        declared = self.settings.entities[change.entity]
        sessions = self._sessions
        assert isinstance(sessions, AlchemySessions), "a file of DuckDB's is not writable"
        try:
            with translated(self.source, change.entity, "the statement"), sessions.writing() as session:
                self._readings += 1
                reading = self._entity(session, change.entity, declared)
                return writing.push(session, reading, change, self.settings.fetch)
        except AuthenticationFailed:
            raise
        except TransientError as failure:
            return Receipt("unknown", failure.what)
        except (SourceError, ConfigurationError) as failure:
            return Receipt("refused", failure.what)

    def _write_of(self, change: Change) -> WriteStatement:
        declared = self.settings.entities.get(change.entity)
        if declared is None or declared.write is None:
            raise ConfigurationError("has no statement for writing", whose=self.source, key=change.entity)
        return declared.write

    def totals(self, entity: str) -> Sequence[ControlTotal]:
        """The count."""
        counted = self.count(entity)
        return [] if counted is None else [ControlTotal(entity, "count", Decimal(counted))]

    def close(self) -> None:
        """Releases connections; may be called again."""
        if "_sessions" in self.__dict__:
            self._sessions.close()

    @cached_property
    def _sessions(self) -> Sessions:
        settings = self.settings
        if settings.product == "duckdb":
            return DuckSessions(settings.address, self._database, whose=self.source)
        return AlchemySessions(
            settings.address,
            self._database,
            whose=self.source,
            isolation=settings.isolation,
            connect=settings.timeouts.connect,
            read=settings.timeouts.read,
        )

    @contextmanager
    def _session(self, key: str, what: str = "database") -> Iterator[tuple[Session, datetime]]:
        """One session with the server's time at its beginning; whatever the database raises in it is ours."""
        with translated(self.source, key, what):
            self._readings += 1
            with self._sessions.opened() as session:
                yield session, self._now(session)

    @contextmanager
    def _reading(self, entity: str) -> Iterator[tuple[EntityReading, datetime]]:
        declared = self.settings.entities.get(entity)
        if declared is None:
            raise SourceError(
                "is not declared",
                whose=self.source,
                key=entity,
                todo=f"Declared: {', '.join(self.settings.entities)}.",
            )
        with self._session(entity, _what(declared)) as (session, now):
            yield self._entity(session, entity, declared), now

    def _entity(self, session: Session, name: str, declared: EntityRows) -> EntityReading:
        return EntityReading(
            session, self._database, declared, whose=f"{self.source} {name}", zone=self._zone
        )

    def _now(self, session: Session) -> datetime:
        ours = self._clock.now()
        if self._database.clock is None:
            return ours
        theirs = parsed_utc(session.rows(sa.text(self._database.clock))[0][0])  # type: ignore[arg-type]
        if theirs is None:
            return ours
        self._ahead = ours - theirs
        return theirs

    def _stream(self, name: str) -> Stream:
        declared = self.settings.entities.get(name)
        if declared is None or (declared.changed is None and declared.version is None):
            return declared_stream(name)
        return declared_stream(name, has_cursor=True, overlap=timedelta(minutes=declared.overlap_minutes))

    def _capability(self, name: str) -> Capability:
        try:
            with self._reading(name) as (reading, _):
                return Capability(
                    name, True, f"{_what(reading.declared)}: {', '.join(c.name for c in reading.columns)}"
                )
        except (SourceError, ConfigurationError) as error:
            return Capability(name, False, error.what, error.todo)

    def _manners(self) -> Iterator[Capability]:
        is_snapshot = self._database.isolation is not None or self.settings.product in ("sqlite", "duckdb")
        if not is_snapshot and self.settings.isolation is None:
            yield Capability(
                "snapshot",
                False,
                "rows are read as they are when their turn comes",
                "Say `isolation` with the database's word for a snapshot, such as SNAPSHOT.",
            )
        if not self._database.read_only:
            yield Capability(
                "read only",
                False,
                "the database is not told to refuse writes of this session",
                "Give the login SELECT and nothing more.",
            )


def _what(declared: EntityRows) -> str:
    """What is read, for people."""
    return f"table {declared.table}" if declared.table is not None else "query"


def _start(since: Cursor | None, reading: EntityReading) -> datetime | int | None:
    """Where to go on. A cursor of the other kind, from before the settings were changed, is none: everything is read."""
    if since is None:
        return None
    try:
        return int(since) if reading.latest_is_number else datetime.fromisoformat(since)
    except ValueError:
        return None


def _cursor(latest: datetime | int | None, now: datetime) -> Cursor | None:
    """No stamp later than the server's own clock is believed, or what changes until then would be passed over."""
    if latest is None:
        return None
    return Cursor(str(latest) if isinstance(latest, int) else min(latest, now).astimezone(UTC).isoformat())


class Plugin:
    """The entry point `sql` of group `sync_engine.connectors`."""

    settings = Settings

    def open(self, source: str, settings: Settings, clock: Clock) -> Sql:
        """Opens one database; connects to nothing yet."""
        return Sql(source, settings, clock)
