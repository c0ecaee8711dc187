"""What an entity set is: fields with their types and versions, navigation, and where its rows come from."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.simulators.business_central import records as r
from tests.simulators.business_central.wire import Edm, Json, JsonObject, encode_enum, etag, render
from tests.simulators.business_central.world import Company

Equalities = Mapping[str, Any]


@dataclass(frozen=True)
class Field:
    """One property; `options` are the decoded members of an enum, `writes` the attribute a PATCH may set."""

    name: str
    edm: Edm
    get: Callable[[Company, Any], object]
    since: int = 0
    options: tuple[str, ...] = ()
    writes: str = ""
    length: int = 0

    def value(self, company: Company, row: Any) -> object:
        return self.get(company, row)

    def render(self, company: Company, row: Any) -> Json:
        return render(self.edm, self.get(company, row))


def attribute(path: str) -> Callable[[Company, Any], object]:
    """A getter of an attribute of the row."""

    def read(company: Company, row: Any) -> object:
        return getattr(row, path)

    return read


Source = str | Callable[[Company, Any], object]


def make(name: str, edm: Edm, source: Source, since: int = 0, length: int = 0, writes: bool = False) -> Field:
    """A field from an attribute name, or from a function of company and row."""
    get = attribute(source) if isinstance(source, str) else source
    target = source if writes and isinstance(source, str) else ""
    return Field(name, edm, get, since, writes=target, length=length)


def text(name: str, source: Source, since: int = 0) -> Field:
    """A read-only text."""
    return make(name, Edm.TEXT, source, since)


def card(name: str, source: str, length: int, since: int = 0) -> Field:
    """A text that a PATCH may change."""
    return make(name, Edm.TEXT, source, since, length, writes=True)


def guid(name: str, source: Source, since: int = 0) -> Field:
    """A GUID."""
    return make(name, Edm.GUID, source, since)


def day(name: str, source: Source, since: int = 0) -> Field:
    """A date."""
    return make(name, Edm.DATE, source, since)


def stamp(name: str, source: Source, since: int = 0) -> Field:
    """An instant."""
    return make(name, Edm.STAMP, source, since)


def amount(name: str, source: Source, since: int = 0) -> Field:
    """A decimal."""
    return make(name, Edm.DECIMAL, source, since)


def whole(name: str, source: Source, since: int = 0) -> Field:
    """An integer."""
    return make(name, Edm.INT, source, since)


def flag(name: str, source: Source, since: int = 0) -> Field:
    """A boolean."""
    return make(name, Edm.BOOL, source, since)


def option(name: str, source: Source, options: tuple[str, ...], since: int = 0) -> Field:
    """An enum with its decoded members."""
    get = attribute(source) if isinstance(source, str) else source
    return Field(name, Edm.ENUM, get, since, options)


@dataclass(frozen=True)
class Nav:
    """A navigation property to another set of the same catalogue."""

    name: str
    target: str
    many: bool
    rows: Callable[[Company, Any], Iterable[Any]]
    since: int = 0


@dataclass(frozen=True)
class EntitySet:
    """An entity set; `table` serves rows by SystemId, `rows` serves computed ones in key order.

    `rows` gets the `field eq value` pairs of the filter, because buffer pages demand some of them.
    """

    name: str
    entity: str
    fields: tuple[Field, ...]
    table: Callable[[Company], r.Table[Any]] | None = None
    rows: Callable[[Company, Equalities], Iterable[Any]] | None = None
    key: str = "id"
    navs: tuple[Nav, ...] = ()
    since: int = 0
    tagged: bool = True
    permission: str = ""
    is_query: bool = False

    def in_version(self, version: int) -> "EntitySet":
        """The set as this version has it."""
        return EntitySet(
            self.name,
            self.entity,
            tuple(f for f in self.fields if f.since <= version),
            self.table,
            self.rows,
            self.key,
            tuple(n for n in self.navs if n.since <= version),
            self.since,
            self.tagged,
            self.permission,
            self.is_query,
        )

    def field(self, name: str) -> Field | None:
        return next((f for f in self.fields if f.name == name), None)

    def nav(self, name: str) -> Nav | None:
        return next((n for n in self.navs if n.name == name), None)

    def key_of(self, company: Company, row: Any) -> Any:
        found = self.field(self.key)
        return found.value(company, row) if found else row.id

    def all_rows(self, company: Company, equalities: Equalities) -> Iterable[Any]:
        if self.table is not None:
            return self.table(company).after("")
        return self.rows(company, equalities) if self.rows is not None else ()

    def one(self, company: Company, key: Any, equalities: Equalities) -> Any | None:
        """The row with this key, or None."""
        if self.table is not None and self.key == "id":
            return self.table(company).get(str(key).lower())
        rows = self.all_rows(company, equalities)
        return next((row for row in rows if str(self.key_of(company, row)) == str(key)), None)

    def render(self, company: Company, row: Any, select: tuple[str, ...] | None) -> JsonObject:
        """The row as JSON; with a selection, only those fields and the etag."""
        body: JsonObject = {}
        if self.tagged:
            body["@odata.etag"] = etag(getattr(row, "row_version", 0))
        for field in self.fields:
            if select is None or field.name in select:
                body[field.name] = field.render(company, row)
        return body


@dataclass(frozen=True)
class Catalogue:
    """The entity sets of one API route, as one version serves them."""

    route: str
    sets: Mapping[str, EntitySet]

    def enum_members(self) -> dict[str, tuple[str, ...]]:
        """Encoded members per enum field, for $metadata."""
        return {
            f"{s.entity}_{f.name}": tuple(encode_enum(o) for o in f.options)
            for s in self.sets.values()
            for f in s.fields
            if f.edm is Edm.ENUM
        }
