"""The rows of one entity in one session: the statements that read them, and rows that become records."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import cached_property
from itertools import repeat
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.sql.elements import quoted_name

from connectors.sql.cells import Column, as_cell, damaged, moment, reader
from connectors.sql.databases import AnyDatabase, Clause
from connectors.sql.pages import Page, Twice
from connectors.sql.session import Session
from connectors.sql.settings import EntityRows
from connectors.toolkit.declared import NOTHING, encodable, encode, key_text
from sync_engine.canonical.declared import column_identity
from sync_engine.errors import ConfigurationError, SourceError
from sync_engine.records import RawRecord, made_up_key

MOST_TWICE = 1000
"""Keys that may stand in several rows before the declared key is held for wrong."""
_EVERYTHING = sa.true()
NOT_MARKED = ("", "0", "f", "n", "no", "false")


class EntityReading:
    """Reads the rows of one entity through a session. Raises ConfigurationError for a column that is not there."""

    def __init__(
        self, session: Session, database: AnyDatabase, declared: EntityRows, *, whose: str, zone: ZoneInfo
    ) -> None:
        self._session, self._database, self.declared = session, database, declared
        self._whose, self._zone = whose, zone
        self.keyless = 0
        """Rows read so far that no key names."""

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """The columns, each with what it holds. Raises ConfigurationError where the settings name one that is not there."""
        found = self._session.described(sa.select(sa.text("*")).select_from(self._rows(())).where(sa.false()))
        names, kinds = [str(c[0]) for c in found], self._database.kinds(found)
        meanings = {column_identity(name): meaning for name, meaning in self.declared.types.items()}
        columns = [
            Column(name, kind, meanings.get(column_identity(name)))
            for name, kind in zip(names, kinds, strict=True)
        ]
        self._require(names)
        asked = self._database.charsets(columns, self._rows(names))
        for row in [] if asked is None else self._session.rows(asked):
            columns = [
                c._replace(kind="binary") if said == "binary" else c
                for c, said in zip(columns, row, strict=True)
            ]
        return tuple(columns)

    @cached_property
    def source(self) -> Any:
        """The table or query as something to select from."""
        return self._rows([column.name for column in self.columns])

    def pages(self, since: datetime | int | None, size: int, only: Clause | None = None) -> Iterator[Page]:
        """All rows, or those that changed since, in parts. A key that stands in several rows comes once, at the end."""
        condition = self._where(since, only)
        if since is not None and not self._session.rows(
            sa.select(sa.literal(1)).select_from(self.source).where(condition).limit(1)
        ):
            return
        repeated = self._repeated(condition)
        twice = {
            key: Twice() for row in repeated if (key := self._key([as_cell(v) for v in row])) is not None
        }
        for part in self._session.parts(self._statement(self._with_all(condition, repeated)), size):
            yield self._page(part, twice)
        if twice:
            gone = [key for key, kept in twice.items() if kept.is_deleted and not kept.records]
            yield Page([kept.record for kept in twice.values() if kept.records], gone, None)

    def keys(self, size: int) -> Iterator[list[str]]:
        """The keys of all rows that are not marked as deleted; one that stands in several rows comes several times."""
        statement = (
            sa.select(*(self._read(c) for c in self._key_columns)).select_from(self.source).where(self._live)
        )
        read = [reader(c) for c in self._key_columns]
        for part in self._session.parts(statement, size):
            cells = (
                [value if to is None else to(value) for to, value in zip(read, row, strict=True)]
                for row in part
            )
            yield [key for row in cells if (key := self._key(row)) is not None]

    def count(self) -> int:
        """How many records there are, each key counted once."""
        rows: Any = sa.select(*self._grouping).select_from(self.source).where(self._live)
        if not self._is_unique:
            rows = rows.distinct()
        found = self._session.rows(sa.select(sa.func.count()).select_from(rows.subquery("k")))
        return int(found[0][0])

    def belongs_to(self, debtor_key: str) -> Clause | None:
        """That a row belongs to a debtor, or is the debtor's own; None where nothing can be equal to such a key."""
        if self.declared.debtor is not None:
            return self._equals(self._column(self.declared.debtor), debtor_key)
        prefix = self.declared.key_prefix
        if not debtor_key.startswith(prefix) or len(self._key_columns) != 1:
            return None
        return self._equals(self._key_columns[0], debtor_key.removeprefix(prefix))

    def is_named(self, key: str) -> Clause | None:
        """That a row is the one with this key; None where nothing can be equal to it."""
        prefix, columns = self.declared.key_prefix, self._key_columns
        parts = self.key_parts(key)
        if parts is None or not key.startswith(prefix):
            return None
        conditions = [self._equals(column, part) for column, part in zip(columns, parts, strict=True)]
        found = [c for c in conditions if c is not None]
        return sa.and_(*found) if len(found) == len(columns) else None

    def key_parts(self, key: str) -> list[str] | None:
        """What each column of a key says; None where there are not as many parts."""
        bare = key.removeprefix(self.declared.key_prefix)
        parts = bare.split("|") if len(self._key_columns) > 1 else [bare]
        return parts if len(parts) == len(self._key_columns) else None

    def texts(self, condition: Clause, names: Sequence[str]) -> Sequence[Sequence[Any]]:
        """Columns of some rows as the database writes them."""
        columns = [self._column(name) for name in names]
        said = [self._database.text(c, self.source.c[c.name]).label(f"t{n}") for n, c in enumerate(columns)]
        return self._session.rows(sa.select(*said).select_from(self.source).where(condition))

    def _equals(self, column: Column, said: str) -> Clause | None:
        """As numbers where the column holds numbers, else as text: `10000` is neither `010000` nor `1e4`."""
        if column.kind == "number":
            try:
                number: Clause = self.source.c[column.name] == sa.literal(Decimal(said), sa.Numeric)
            except InvalidOperation:
                return None
            return number
        return sa.func.trim(self._database.text(column, self.source.c[column.name])) == said

    @property
    def latest_is_number(self) -> bool:
        """Whether the cursor is a row version."""
        return self.declared.version is not None

    def _rows(self, names: Sequence[str]) -> Any:
        columns: list[sa.ColumnClause[Any]] = [sa.column(quoted_name(name, quote=True)) for name in names]
        if self.declared.query is not None:
            wanted = self.declared.parameters
            text = sa.text(_with_only(self.declared.query, wanted))
            text = text.bindparams(**wanted) if wanted else text
            return text.columns(*columns).subquery("q")
        schema, _, table = (self.declared.table or "").rpartition(".")
        named = quoted_name(schema, quote=True) if schema else None
        return sa.table(quoted_name(table, quote=True), *columns, schema=named)

    def _require(self, names: list[str]) -> None:
        declared, there = self.declared, {column_identity(name) for name in names}
        wanted = [*declared.key, declared.changed, declared.version, declared.debtor, *declared.types]
        wanted += [declared.deleted.column] if declared.deleted else []
        wanted += list(declared.write.columns.values()) if declared.write else []
        missing = [
            f"{w!r}" for w in dict.fromkeys(wanted) if w is not None and column_identity(w) not in there
        ]
        if missing:
            raise ConfigurationError(
                f"there is no column {', '.join(missing)}",
                whose=self._whose,
                todo=f"There are: {', '.join(names)}. Correct the YAML.",
            )
        if len(set(names)) < len(names):
            repeated = sorted({name for name in names if names.count(name) > 1})
            raise ConfigurationError(
                f"two columns are called {', '.join(repeated)}",
                whose=self._whose,
                todo="Name them apart: SELECT a.id AS invoice_id, ...",
            )

    def _column(self, declared: str) -> Column:
        exact = [c for c in self.columns if c.name == declared]
        alike = [c for c in self.columns if column_identity(c.name) == column_identity(declared)]
        return (exact or alike)[0]

    @cached_property
    def _key_columns(self) -> list[Column]:
        return [self._column(name) for name in self.declared.key]

    def _read(self, column: Column) -> Clause:
        return self._database.value(column, self.source.c[column.name])

    @cached_property
    def _converters(self) -> list[Any]:
        return [reader(column) for column in self.columns]

    @cached_property
    def _live(self) -> Clause:
        """That a row is not marked as deleted."""
        mark = self.declared.deleted
        if mark is None:
            return sa.true()
        column = self._column(mark.column)
        said = sa.func.lower(sa.func.trim(self._database.text(column, self.source.c[column.name])))
        value = self._read(column)
        if mark.values:
            return sa.or_(value.is_(None), said.not_in([word.strip().casefold() for word in mark.values]))
        return sa.or_(value.is_(None), said.in_(NOT_MARKED))

    def _statement(self, condition: Clause) -> sa.Select[Any]:
        columns = [self._read(c).label(f"c{n}") for n, c in enumerate(self.columns)]
        live = sa.case((self._live, 1), else_=0).label("live")
        return sa.select(*columns, live).select_from(self.source).where(condition)

    def _where(self, since: datetime | int | None, only: Clause | None) -> Clause:
        found = [] if only is None else [only]
        if isinstance(since, datetime) and self.declared.changed is not None:
            column, back = self._changed, timedelta(minutes=self.declared.overlap_minutes)
            found.append(
                self._database.not_before(column, self.source.c[column.name], since - back, self._zone)
            )
        elif isinstance(since, int) and self.declared.version is not None:
            column = self._version
            found.append(self.source.c[column.name] >= since - self.declared.overlap_versions)
        return sa.and_(*found) if found else _EVERYTHING

    @cached_property
    def _changed(self) -> Column:
        """The column with the stamp. Raises ConfigurationError where instants cannot be compared in it."""
        column = self._column(self.declared.changed or "")
        if column.kind in ("date", "local", "instant", "any") or (column.meaning or "").startswith("unix"):
            return column
        raise ConfigurationError(
            f"the column {column.name!r} holds no instants ({column.kind})",
            whose=self._whose,
            key="changed",
            todo="Say types: unix seconds, or unix milliseconds, or name it as `version` where it is a number that grows, or CAST it in a query.",
        )

    @cached_property
    def _version(self) -> Column:
        column = self._column(self.declared.version or "")
        if column.kind in ("number", "any"):
            return column
        raise ConfigurationError(
            f"the column {column.name!r} holds no numbers ({column.kind})",
            whose=self._whose,
            key="version",
            todo="CAST it to BIGINT in a query.",
        )

    @property
    def _grouping(self) -> list[sa.Label[Any]]:
        """The key to compare rows by: text without the blanks at its ends, other kinds as they are."""
        return [
            (
                sa.func.trim(self._database.text(c, self.source.c[c.name]))
                if c.kind in ("text", "any", "binary")
                else self.source.c[c.name]
            ).label(f"k{n}")
            for n, c in enumerate(self._key_columns)
        ]

    @cached_property
    def _is_unique(self) -> bool:
        """Whether the database itself keeps the key unique, also as text without blanks at its ends."""
        if self.declared.table is None or any(c.kind != "number" for c in self._key_columns):
            return False
        schema, _, table = self.declared.table.rpartition(".")
        known = self._session.primary_key(table, schema or None)
        return bool(known) and set(known) <= {c.name for c in self._key_columns}

    def _repeated(self, condition: Clause) -> Sequence[Sequence[Any]]:
        """The keys that stand in several rows, of the rows that are read. Raises SourceError where there are too many to be an accident."""
        if self._is_unique:
            return []
        keys = [key.element for key in self._grouping]
        rows: Any = self.source
        if condition is not _EVERYTHING:
            changed = (
                sa.select(*self._grouping).select_from(self.source).where(condition).distinct().subquery("s")
            )
            rows = rows.join(changed, sa.and_(*(a == b for a, b in zip(keys, changed.c, strict=True))))
        statement = (
            sa.select(*keys)
            .select_from(rows)
            .where(*(key.is_not(None) for key in keys))
            .group_by(*keys)
            .having(sa.func.count() > 1)
            .limit(MOST_TWICE + 1)
        )
        found = self._session.rows(statement)
        if len(found) > MOST_TWICE:
            raise SourceError(
                f"{' and '.join(self.declared.key)} name no row: more than {MOST_TWICE:,} values stand in several",
                whose=self._whose,
                todo="Name more columns as `key`, or mend the query; nothing was deleted.",
            )
        return found

    def _with_all(self, condition: Clause, repeated: Sequence[Sequence[Any]]) -> Clause:
        """The condition, and every row of a key of which one fulfils it and which stands in several: all of them have to be looked at."""
        if condition is _EVERYTHING or not repeated:
            return condition
        keys = [key.element for key in self._grouping]
        if len(keys) == 1:
            return sa.or_(condition, keys[0].in_([row[0] for row in repeated]))
        return sa.or_(
            condition, *(sa.and_(*(k == v for k, v in zip(keys, row, strict=True))) for row in repeated)
        )

    def _page(self, part: Sequence[Sequence[Any]], twice: dict[str, Twice]) -> Page:
        """A part of the answer, column by column: what is done once for a column is not done for each of its cells."""
        *columns, live = zip(*part, strict=True)
        cells = [
            values if to is None else [to(value) for value in values]
            for to, values in zip(self._converters, columns, strict=True)
        ]
        stamps = (
            [None] * len(live)
            if self._stamp_place is None
            else list(map(self._stamp, cells[self._stamp_place]))
        )
        keys = map(self._key, zip(*(cells[place] for place in self._key_places), strict=True))
        records: list[RawRecord] = []
        deleted: list[str] = []
        for key, stamp, made, wrong, is_live in zip(
            keys, stamps, self._payloads(cells), self._damaged(cells), live, strict=True
        ):
            kept = twice.get(key or "") if twice else None
            if not is_live:
                if kept is not None:
                    kept.is_deleted = True
                elif key is not None:
                    deleted.append(key)
                continue
            record = self._record(key, made, stamp if isinstance(stamp, datetime) else None, wrong)
            if kept is not None:
                kept.add(record)
            else:
                records.append(record)
        return Page(records, deleted, max((s for s in stamps if s is not None), default=None))

    def _payloads(self, cells: list[Any]) -> Iterator[bytes]:
        names = [column.name for column in self.columns]
        said = [
            values if to is None else [encodable(cell) for cell in values]
            for to, values in zip(self._converters, cells, strict=True)
        ]
        return (encode(dict(zip(names, row, strict=True))) for row in zip(*said, strict=True))

    def _damaged(self, cells: list[Any]) -> Iterator[str]:
        """What is wrong with each row; only where values come as they are stored can bytes stand where text is meant."""
        if all(column.kind != "any" for column in self.columns):
            return repeat("", len(cells[0]))
        return (damaged(self.columns, row) for row in zip(*cells, strict=True))

    def _record(self, key: str | None, made: bytes, at: datetime | None, wrong: str) -> RawRecord:
        if key is None:
            self.keyless += 1
            reason = wrong or f"has nothing in {' and '.join(self.declared.key)}, which names a row"
            return RawRecord(made_up_key(made), NOTHING, at, reason)
        return RawRecord(key, NOTHING if wrong else made, at, wrong)

    @cached_property
    def _key_places(self) -> list[int]:
        return [self.columns.index(column) for column in self._key_columns]

    @cached_property
    def _stamp_place(self) -> int | None:
        if self.declared.changed is not None:
            return self.columns.index(self._changed)
        return None if self.declared.version is None else self.columns.index(self._version)

    def _stamp(self, cell: Any) -> datetime | int | None:
        if self.declared.version is None:
            return moment(cell, self._zone)
        try:
            return int(cell)
        except (TypeError, ValueError):
            return None

    def _key(self, cells: Sequence[Any]) -> str | None:
        parts = ["" if cell is None or isinstance(cell, bytes) else key_text(cell).strip() for cell in cells]
        return self.declared.key_prefix + "|".join(parts) if all(parts) else None


def _with_only(query: str, parameters: dict[str, Any]) -> str:
    """A query in which only declared parameters are parameters: `'a:1b'` and `x::text` stay as they are written."""
    text = query.replace(":", "\\:")
    for name in parameters:
        text = text.replace(f"\\:{name}", f":{name}")
    return text
