"""What both dialects are asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from connectors.dynamics_crm.tables import Table
from connectors.toolkit.rows import Row
from sync_engine.records import Receipt, WriteRequest


class Part(NamedTuple):
    """Some rows of a set in the shape of the Web API, the ids that are told as deleted, and on the last part of a tracked read the link to
    what changes from then on.
    """

    rows: Sequence[Row]
    deleted: Sequence[str] = ()
    delta: str | None = None
    is_last: bool = False


class Looked(NamedTuple):
    """What was found when the installation was looked at."""

    version: str
    organisation: str
    user: str


class Dialect(Protocol):
    """One of the two services of a CRM."""

    def look(self) -> Looked:
        """One cheap request that needs a login."""
        ...

    def tracked(self) -> frozenset[str]:
        """The logical names of the tables whose changes are tracked; none where the service tracks nothing."""
        ...

    def rows(self, table: Table, *, since: datetime | None = None, track: bool = False) -> Iterator[Part]:
        """The rows of a set: all, or those modified since. With `track` the last part leads to what changes from now on."""
        ...

    def changes(self, table: Table, link: str) -> Iterator[Part]:
        """What changed behind a link. Raises CursorExpired where the service no longer knows."""
        ...

    def ids(self, table: Table) -> Iterator[Sequence[Row]]:
        """The keys of all rows."""
        ...

    def one(self, table: Table, key: str) -> Row | None:
        """One row by its id; None where there is none."""
        ...

    def version(self, row: Row) -> str:
        """What changes whenever a row changes."""
        ...

    def write(self, table: Table, key: str, fields: Mapping[str, Any], version: str) -> Receipt:
        """Changes one row that has this version, once."""
        ...

    def request(self, table: Table, key: str, fields: Mapping[str, Any], version: str) -> WriteRequest:
        """What `write` would send."""
        ...

    def where(self, table: Table, lookup: str, key: str) -> Iterator[Part]:
        """The rows whose lookup is this id."""
        ...

    def merged(self, table: Table) -> Iterator[Sequence[Row]]:
        """The accounts that were merged into another, with the id of that one."""
        ...

    def count(self, table: Table) -> int | None:
        """How many rows a set has; None where it does not say."""
        ...

    def labels(self, column: str) -> Mapping[str, str]:
        """The options of a column of the account: value -> label."""
        ...
