"""Reading wire entities: sweeps and changes of plain sets, and of documents whose lines one record can spoil."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

import msgspec

from connectors.business_central.catalogue import Entity
from connectors.business_central.cursors import Mark
from connectors.business_central.installation import Installation
from connectors.business_central.row_versions import RowVersions
from connectors.business_central.settings import Settings
from connectors.business_central.urls import is_guid
from connectors.toolkit.damaged_rows import DamagedRow
from connectors.toolkit.http.client import HttpClient
from connectors.toolkit.http.errors import BrokeDown, Refused, TooSlow
from connectors.toolkit.odata.pages import MOST_COUNTED, Cut, Pages, cut
from connectors.toolkit.odata.query import UNSET_STAMP, Query, instant
from connectors.toolkit.pagination import PageSize
from connectors.toolkit.rows import Fields, Row, RowShape, sound, spliced
from sync_engine.errors import PermissionMissing, ProtocolViolation, SyncError, TransientError
from sync_engine.records import Cursor, RawRecord, RecordBatch

_POISON = ("Dimension Value does not exist", "Parent with ID")
_IN_A_ROW = 10
"""More documents one after another whose lines are refused in words nobody knows are no single records: the page itself fails."""
_ONE_ROW = {"Prefer": "odata.maxpagesize=1"}
_GUID = 36
"""Characters of an id; [facts: section 2] every set of API v2.0 has the SystemId as its key."""
_LINES = 500
"""Lines of one document asked for at once, where they are asked for alone."""
_WITNESSES = 3
"""Neighbours that are asked whether the server reads lines at all, while none of the page has been read."""


class Portion(NamedTuple):
    """Records of one page, the latest stamp among them, and whether it is the last page."""

    records: list[RawRecord]
    latest: datetime | None
    last: bool


class _HasId(msgspec.Struct):
    id: str = ""


_ID = Fields(_HasId)


class Reading:
    """Reads any wire entity of one company."""

    def __init__(self, client: HttpClient, site: Installation, settings: Settings) -> None:
        self.client, self.site, self.settings = client, site, settings
        self._shapes: dict[str, RowShape] = {}
        self._sizes: dict[str, PageSize] = {}
        self.oddities: dict[str, str] = {}
        """What was odd about an entity and is no failure, in a sentence; by wire entity."""
        self._blank_stamps = True
        self._counts_by_path = True

    @property
    def pages(self) -> Pages:
        """Collections of the host."""
        return Pages(self.client, self.settings.root)

    def shape(self, entity: Entity) -> RowShape:
        """How a row's key and stamp are found. Of the standard API every part of a key is an id: another value is none."""
        if entity.name not in self._shapes:
            is_standard = entity.api == "v2" and entity.name not in self.settings.pages
            width = len(entity.keys) * (_GUID + 1) - 1
            self._shapes[entity.name] = RowShape(entity.keys, entity.modified, width if is_standard else 0)
        return self._shapes[entity.name]

    def size(self, entity: Entity) -> PageSize:
        """The page size in use, which remembers what was too slow."""
        most = self.settings.document_page_size if entity.expand else self.settings.page_size
        return self._sizes.setdefault(entity.name, PageSize(most))

    def rows(self, entity: Entity, url: str) -> Iterator[Portion]:
        """Pages of `url` as records of `entity`."""
        shape = self.shape(entity)
        rescue = _WithoutLines(self, entity) if entity.expand else None
        odd = 0
        for page in self.pages.walk(url, key=entity.name, size=self.size(entity), rescue=rescue):
            read = shape.read(page.rows)
            latest = read.latest
            if latest is not None and latest > (limit := self.limit(entity)):
                stamps = [record.changed_at for record in read.records if record.changed_at is not None]
                latest = max((stamp for stamp in stamps if stamp <= limit), default=None)
                odd += sum(stamp > limit for stamp in stamps)
                self.oddities[entity.name] = (
                    f"{odd} of its records are stamped later than the server's own clock; no cursor follows such a stamp"
                )
            yield Portion(read.records, latest, page.next is None)

    def limit(self, entity: Entity) -> datetime:
        """No stamp after this is believed: the server's clock and the overlap."""
        return self.client.server_now() + entity.stream.overlap

    def mark(self, entity: Entity, since: Cursor | None) -> Mark | None:
        """The mark in a cursor; None, which means reading everything, also for one that stands in the future."""
        mark = Mark.read(since)
        return None if mark is not None and mark.at is not None and mark.at > self.limit(entity) else mark

    def where(self, entity: Entity, condition: str = "", *, select: Sequence[str] = ()) -> Iterator[Portion]:
        """Pages of an entity under its own filter and `condition`."""
        both = " and ".join(
            part
            for part in (entity.filter, f"({condition})" if condition and entity.filter else condition)
            if part
        )
        return self.rows(
            entity, self.site.url(entity, Query(filter=both, expand=entity.expand, select=select))
        )

    def pull(self, entity: Entity, since: Cursor | None) -> Iterator[RecordBatch]:
        """Everything, or what changed since the cursor; where the host refuses to filter by stamp, everything."""
        mark = self.mark(entity, since)
        if mark is None or mark.at is None or entity.modified is None:
            yield from self._sweep(entity)
            return
        for condition in self._conditions(entity, mark):
            begun = False
            try:
                for found in self._batches(entity, condition, mark):
                    begun = True
                    yield replace(found, complete=False)
                return
            except Refused as refusal:
                if refusal.status not in (400, 501) or begun:
                    raise
                self._blank_stamps = False
        yield from self._sweep(entity)

    def _conditions(self, entity: Entity, mark: Mark) -> Iterator[str]:
        """Filters for changes, best first. Rows of a copied company carry no stamp and are found only by asking for it.

        [LIVE hg 222f16b: `or` over one field works; D:webservices/odata-known-limitations.md]
        """
        assert mark.at is not None
        if entity.version and mark.version:
            yield f"{entity.version} gt {mark.version}"
        changed = f"{entity.modified} gt {instant(mark.at - entity.stream.overlap)}"
        if self._blank_stamps:
            yield f"({changed}) or ({entity.modified} eq {UNSET_STAMP})"
        yield changed

    def _sweep(self, entity: Entity) -> Iterator[RecordBatch]:
        return self._batches(entity, "", Mark())

    def _batches(self, entity: Entity, condition: str, mark: Mark) -> Iterator[RecordBatch]:
        """BC pages come in the order of ids, so only the last one may move the cursor."""
        latest, versions = mark.at, RowVersions(entity)
        for portion in self.where(entity, condition):
            latest = max(filter(None, (latest, portion.latest)), default=None)
            versions.note(portion.records)
            resume = (
                Mark(at=latest, version=versions.safe(latest, mark.version)).write()
                if portion.last and entity.modified and latest
                else None
            )
            yield RecordBatch(entity.name, portion.records, resume_from=resume, complete=portion.last)

    def latest(self, entity: Entity) -> datetime | None:
        """The latest stamp of an entity; None where it cannot be asked for."""
        if entity.modified is None:
            return None
        latest, limit = self._latest(entity, entity.filter), self.limit(entity)
        if latest is None or latest <= limit:
            return latest
        until = f"{entity.modified} le {instant(limit)}"
        return self._latest(entity, f"{entity.filter} and {until}" if entity.filter else until)

    def _latest(self, entity: Entity, condition: str) -> datetime | None:
        query = Query(
            filter=condition,
            select=(*entity.keys, entity.modified or ""),
            orderby=f"{entity.modified} desc",
            top=1,
        )
        try:
            body = self.client.get(self.site.url(entity, query), key=entity.name).body
        except Refused:
            return None
        return self.shape(entity).read(cut(body, whose=self.client.whose, key=entity.name).rows).latest

    def count(self, entity: Entity) -> int | None:
        """How many rows the source says there are, by `/$count` or `$count=true`; None where it does not say."""
        url = self.site.url(entity, Query(filter=entity.filter))
        if self._counts_by_path:
            path, _, query = url.partition("?")
            try:
                said = self.client.get(
                    f"{path}/$count" + (f"?{query}" if query else ""), key=entity.name
                ).body
                if 0 <= (counted := int(said.strip(b"\xef\xbb\xbf \r\n"))) < MOST_COUNTED:
                    return counted
                self._counts_by_path = False
            except (Refused, PermissionMissing, ValueError):
                self._counts_by_path = False
        try:
            url = self.site.url(entity, Query(filter=entity.filter, top=1, count=True))
            return cut(
                self.client.get(url, key=entity.name).body, whose=self.client.whose, key=entity.name
            ).total
        except (Refused, PermissionMissing, ProtocolViolation):
            return None

    def keys(self, entity: Entity) -> Iterator[Sequence[str]]:
        """The keys that exist now, 20,000 a page."""
        query = Query(filter=entity.filter, select=entity.keys)
        shape = RowShape(entity.keys, width=self.shape(entity).width)
        for page in self.pages.walk(self.site.url(entity, query), key=entity.name, size=PageSize(20_000)):
            yield [record.key for record in shape.read(page.rows).records]


def following(
    reading: Reading,
    entity: Entity,
    leader: Entity,
    since: Cursor | None,
    sweep: Iterator[RecordBatch],
    signal: Callable[[], str] = str,
) -> Iterator[RecordBatch]:
    """`sweep` of an entity that changes only with its leader: nothing when no record of the leader was stamped since.

    The leader is looked at first, so that what changes during the sweep is found next time. `signal` is asked after the sweep
    what to remember with the cursor.
    """
    mark, now = Mark.read(since), reading.latest(leader)
    if since and mark is not None and mark.at is not None and mark.at == now:
        yield RecordBatch(entity.name, (), resume_from=since)
        return
    for found in sweep:
        yield replace(
            found, resume_from=Mark(at=now, signal=signal()).write() if found.complete and now else None
        )


class _WithoutLines:
    """A page whose `$expand` one broken record spoils: headers alone, then the lines of each document by itself.

    Two sentences are known for it; any other is taken for it too when the same headers are answered without their lines, for
    an item, an account or a currency may be gone as well as a dimension value. [facts: case 25; LIVE hg 9cd08fb, 5dfd378]
    A server may also break down over the one record (HTTP 500), or never come to its end (504, at the smallest page). That is
    told from an outage by asking once, without waiting, for what has to be there then: the headers, and after a document has
    failed the lines of another one.
    """

    def __init__(self, reading: Reading, entity: Entity) -> None:
        self._reading, self._entity = reading, entity
        self._answered_plainly, self._in_a_row = "", 0
        self._read_last, self._on_page = "", tuple[str, ...]()

    def fits(self, refusal: Refused | BrokeDown | TooSlow, url: str) -> bool:
        if _is_known(refusal) or url == self._answered_plainly:
            return True
        if isinstance(refusal, Refused) and "permission" in refusal.message.lower():
            return False
        impatient = () if isinstance(refusal, Refused) else (TransientError,)
        try:
            self._reading.client.get(
                without_expand(url), key=self._entity.name, headers=_ONE_ROW, at_once=impatient
            )
        except (Refused, PermissionMissing):
            return False
        self._answered_plainly = url
        return True

    def read(self, url: str, headers: dict[str, str]) -> Cut:
        client, name = self._reading.client, self._entity.name
        page = cut(
            client.get(without_expand(url), key=name, headers=headers).body, whose=client.whose, key=name
        )
        following = None
        if page.next is not None:
            plain = without_expand(page.next)
            following = f"{plain}{'&' if '?' in plain else '?'}$expand={self._entity.expand}"
        keys = [_id_of(row) for row in page.rows]
        self._on_page = tuple(filter(None, keys))
        return Cut(
            [self._whole(row, key) for row, key in zip(page.rows, keys, strict=True)],
            following,
            page.total,
            page.goes_on_inside,
        )

    def _whole(self, header: Row, key: str) -> Row:
        """The document with its lines. One that is damaged, or has no id to ask for lines by, has none and says so."""
        body = bytes(header).rstrip()
        if isinstance(header, DamagedRow):
            return header
        if not key:
            return DamagedRow(body, "has no id that its lines could be asked for by")
        walk = self._reading.pages.walk(self._lines_of(key), key=self._entity.expand, size=PageSize(_LINES))
        try:
            lines = [bytes(row) for page in walk for row in sound(page.rows)]
        except (Refused, ProtocolViolation, BrokeDown, TooSlow) as failure:
            self._in_a_row += not _is_known(failure)
            if self._in_a_row > _IN_A_ROW or (
                isinstance(failure, TransientError) and not self._reads_another(key)
            ):
                raise
            return DamagedRow(body, _words(failure))
        self._in_a_row, self._read_last = 0, key
        return msgspec.Raw(spliced(body, self._entity.expand, b"[" + b",".join(lines) + b"]"))

    def _lines_of(self, key: str) -> str:
        path, _, query = self._reading.site.url(self._entity).partition("?")
        return f"{path}({key})/{self._entity.expand}" + (f"?{query}" if query else "")

    def _reads_another(self, key: str) -> bool:
        """Whether the server reads lines of another document now: one of the page, or any where it is alone on its page."""
        others = (
            [self._read_last]
            if self._read_last
            else [other for other in self._on_page if other != key][:_WITNESSES]
        )
        alone = Query(filter=f"id ne {key}", expand=self._entity.expand, top=1)
        return any(
            map(
                self._works,
                map(self._lines_of, others) if others else (self._reading.site.url(self._entity, alone),),
            )
        )

    def _works(self, url: str) -> bool:
        """Whether a server is there that answers; a refusal is an answer too."""
        try:
            self._reading.client.get(
                url, key=self._entity.expand, headers=_ONE_ROW, at_once=(TransientError,)
            )
        except (Refused, PermissionMissing):
            return True
        except TransientError:
            return False
        return True


def _id_of(row: Row) -> str:
    found = _ID.read(row)
    return found.id if found is not None and is_guid(found.id) else ""


def _is_known(failure: SyncError) -> bool:
    return isinstance(failure, Refused) and any(words in failure.message for words in _POISON)


def _words(failure: SyncError) -> str:
    return failure.message or f"HTTP {failure.status}" if isinstance(failure, Refused) else failure.what


def without_expand(url: str) -> str:
    """A URL without its `$expand`, all else untouched."""
    path, _, query = url.partition("?")
    kept = [part for part in query.split("&") if part and not part.replace("%24", "$").startswith("$expand=")]
    return f"{path}?{'&'.join(kept)}" if kept else path
