"""One row, read by its key and changed by the declared statement, if it still says what was read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import sqlalchemy as sa
import xxhash
from sqlalchemy import exc

from connectors.sql.errors import driver_said
from connectors.sql.reading import EntityReading
from connectors.sql.session import WritingSession
from connectors.sql.settings import EntityRows, WriteStatement
from sync_engine.canonical.declared import column_identity
from sync_engine.records import Change, Current, RawRecord, Receipt, WriteRequest

LONGEST_WORDS = 300
_TELLS = re.compile(r"\s*(update|merge|with)\b", re.IGNORECASE)
"""Statements of which a driver tells how many rows they changed; of a call the row itself has to tell."""


class ReadRow(NamedTuple):
    """A row as it is: the record, its version, and what the columns say that the statement binds, as the database writes them."""

    record: RawRecord
    version: str
    said: Mapping[str, str | None]
    key: list[str]


def read_row(reading: EntityReading, key: str, most: int) -> ReadRow | None:
    """The row of a key; None where there is none, or where it is marked as deleted."""
    condition, parts = reading.is_named(key), reading.key_parts(key)
    if condition is None or parts is None:
        return None
    found = [
        record
        for page in reading.pages(None, most, condition)
        for record in page.records
        if record.key == key
    ]
    if not found:
        return None
    stamp = reading.declared.changed or reading.declared.version
    names = {
        **(reading.declared.write.columns if reading.declared.write else {}),
        **({"version": stamp} if stamp else {}),
    }
    rows = reading.texts(condition, list(names.values()))
    said = dict(zip(names, rows[0], strict=True)) if rows else {}
    version = str(said.pop("version", "")) if stamp else xxhash.xxh3_128_hexdigest(found[0].payload)
    return ReadRow(found[0], version, said, parts)


def current(reading: EntityReading, key: str, most: int) -> Current | None:
    """The row and its version: what `changed` or `version` says, else a hash of all it says."""
    row = read_row(reading, key, most)
    return None if row is None else Current(row.record, row.version)


def columns_of(declared: EntityRows | None) -> frozenset[str]:
    """The columns that can be written, as `column_identity` has them."""
    if declared is None or declared.write is None:
        return frozenset()
    return frozenset(map(column_identity, declared.write.columns.values()))


def request(write: WriteStatement, change: Change) -> WriteRequest:
    """The statement, and what it would be given."""
    return WriteRequest(write.statement, change.key, dict(change.fields), {"version": change.base_version})


def push(session: WritingSession, reading: EntityReading, change: Change, most: int) -> Receipt:
    """Changes one row in a transaction of its own. What the database says of a refusal is repeated, for it is kept in the outbox alone."""
    write = reading.declared.write
    assert write is not None, "only columns of a declared statement can be written"
    row = read_row(reading, change.key, most)
    if row is None or row.version != change.base_version:
        return Receipt("conflict", "the row is not as it was read any more")
    try:
        changed = session.change(_statement(write, row, change))
    except exc.DBAPIError as error:
        if isinstance(error, exc.OperationalError) or error.connection_invalidated:
            return Receipt("unknown", f"the database broke off ({type(error.orig).__name__})")
        return Receipt("refused", _words(error))
    if changed < 1 and not _TELLS.match(write.statement):
        after = read_row(reading, change.key, most)
        changed = int(after is not None and after.said != row.said)
    if changed == 0:
        return Receipt("conflict", "the row was changed at the same moment")
    if changed > 1:
        return Receipt("refused", f"the statement changed {changed} rows instead of one, and was taken back")
    try:
        session.commit()
    except exc.IntegrityError as error:
        return Receipt("refused", _words(error))
    except (exc.SQLAlchemyError, OSError) as error:
        return Receipt("unknown", f"nobody answered when it was committed ({type(error).__name__})")
    return Receipt("delivered")


def _statement(write: WriteStatement, row: ReadRow, change: Change) -> sa.TextClause:
    """With values whose type the database finds out by itself, as it does for a literal."""
    wanted = {column_identity(column): value for column, value in change.fields.items()}
    values: dict[str, Any] = {"version": row.version, "key": "|".join(row.key)}
    values |= {f"key_{place}": part for place, part in enumerate(row.key, 1)}
    for name, column in write.columns.items():
        identity = column_identity(column)
        values[name] = wanted[identity] if identity in wanted else row.said[name]
        values[f"was_{name}"] = row.said[name]
    text = write.statement.replace(":", "\\:")
    bound = write.bound
    for name in sorted(bound, key=len, reverse=True):
        text = re.sub(rf"\\:{name}\b", f":{name}", text)
    return sa.text(text).bindparams(*(sa.bindparam(n, values[n], type_=sa.types.NullType()) for n in bound))


def _words(error: exc.DBAPIError) -> str:
    """The database's own first line."""
    said = driver_said(error)
    primary = getattr(getattr(said, "diag", None), "message_primary", None)
    words = str(primary or next((a for a in reversed(getattr(said, "args", ())) if isinstance(a, str)), said))
    return " ".join(words.split())[:LONGEST_WORDS]
