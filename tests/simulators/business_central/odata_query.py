"""Query options: parsed from a URL or from inside the parentheses of $expand, and applied to rows."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from itertools import islice
from typing import Any
from urllib.parse import quote, unquote

from tests.simulators.business_central.errors import bad_request, unknown_property
from tests.simulators.business_central.odata_filter import Filter, comparable, everything, parse_filter
from tests.simulators.business_central.schema import Catalogue, EntitySet, Nav
from tests.simulators.business_central.wire import Edm, JsonObject, decode_enum, read_stamp, render
from tests.simulators.business_central.world import Company


@dataclass(frozen=True)
class Query:
    """The options of one level; `order` is (field name, descending)."""

    entity: EntitySet
    filter: Filter = field(default_factory=lambda: Filter(everything))
    select: tuple[str, ...] | None = None
    order: tuple[tuple[str, bool], ...] = ()
    top: int | None = None
    skip: int = 0
    count: bool = False
    token: str | None = None
    expands: tuple["Expand", ...] = ()


@dataclass(frozen=True)
class Expand:
    """A navigation to be shown, and the options inside its parentheses."""

    nav: Nav
    query: Query


@dataclass(frozen=True)
class Page:
    """The rows of one answer, the token to go on with, and the count if it was asked for."""

    rows: list[Any]
    next_token: str | None
    count: int | None


def split_outside(source: str, separator: str) -> list[str]:
    """Split at separators that are neither in parentheses nor in quotes."""
    parts, depth, quoted, start = [], 0, False, 0
    for place, letter in enumerate(source):
        if letter == "'":
            quoted = not quoted
        elif not quoted:
            depth += (letter == "(") - (letter == ")")
            if letter == separator and depth == 0:
                parts.append(source[start:place])
                start = place + 1
    return [part.strip() for part in [*parts, source[start:]] if part.strip()]


def read_options(options: dict[str, str], entity: EntitySet, catalogue: Catalogue) -> Query:
    """Compile the system query options of one level; raises ODataError 400."""
    version = options.get("$schemaversion", "2.0")
    return Query(
        entity,
        filter=parse_filter(options["$filter"], entity, version)
        if options.get("$filter")
        else Filter(everything),
        select=_select(options.get("$select"), entity),
        order=_order(options.get("$orderby"), entity),
        top=_whole(options, "$top"),
        skip=_whole(options, "$skip") or 0,
        count=options.get("$count", "").lower() == "true",
        token=options.get("$skiptoken"),
        expands=tuple(_expands(options.get("$expand", ""), entity, catalogue)),
    )


def _whole(options: dict[str, str], name: str) -> int | None:
    if name not in options:
        return None
    if not options[name].isdigit():
        raise bad_request(f"Invalid value '{options[name]}' for {name} query option found.")
    return int(options[name])


def _select(source: str | None, entity: EntitySet) -> tuple[str, ...] | None:
    if not source or source.strip() == "*":
        return None
    names = tuple(split_outside(source, ","))
    for name in names:
        if entity.field(name) is None and entity.nav(name) is None:
            raise unknown_property(name, entity.entity)
    return names


def _order(source: str | None, entity: EntitySet) -> tuple[tuple[str, bool], ...]:
    order = []
    for part in split_outside(source or "", ","):
        name, _, direction = part.partition(" ")
        if entity.field(name) is None:
            raise unknown_property(name, entity.entity)
        order.append((name, direction.strip() == "desc"))
    return tuple(order)


def _expands(source: str, entity: EntitySet, catalogue: Catalogue) -> Iterator[Expand]:
    for part in split_outside(source, ","):
        name, _, inner = part.partition("(")
        nav = entity.nav(name.strip())
        target = catalogue.sets.get(nav.target) if nav else None
        if nav is None or target is None:
            raise unknown_property(name.strip(), entity.entity)
        options = dict(_inner_option(x) for x in split_outside(inner.rstrip()[:-1], ";")) if inner else {}
        yield Expand(nav, read_options(options, target, catalogue))


def _inner_option(source: str) -> tuple[str, str]:
    name, _, value = source.partition("=")
    return name.strip(), value.strip()


def run(query: Query, company: Company, page_size: int, rows: Iterable[Any] | None = None) -> Page:
    """One page. A full page promises a next one, which may turn out empty; with $top nothing is promised."""
    given = query.entity.all_rows(company, query.filter.equalities) if rows is None else rows
    found = (
        _ordered(query, company, given) if query.order else _from_token(query, company, given, rows is None)
    )
    matching = (row for row in found if query.filter.matches(company, row))
    limit = page_size if query.top is None else min(query.top, page_size)
    page = list(islice(matching, query.skip, query.skip + limit))
    count = None
    if query.count:
        everything_again = query.entity.all_rows(company, query.filter.equalities) if rows is None else rows
        count = sum(1 for row in everything_again if query.filter.matches(company, row))
    full = len(page) == page_size and query.top is None
    return Page(page, _token(query, company, page[-1]) if full and page else None, count)


def _from_token(query: Query, company: Company, rows: Iterable[Any], whole_set: bool) -> Iterable[Any]:
    if query.token is None:
        return rows
    token, entity = unquote(query.token), query.entity
    if whole_set and entity.table is not None and entity.key == "id":
        return entity.table(company).after(token.strip("'"))
    key = entity.field(entity.key)
    if key is not None and key.edm.value.startswith("Edm.Int"):
        return (row for row in rows if entity.key_of(company, row) > int(token))
    place, listed = token.strip("'"), list(rows)
    keys = [str(entity.key_of(company, row)) for row in listed]
    if place in keys:
        return listed[keys.index(place) + 1 :]
    return [row for key, row in zip(keys, listed, strict=True) if key > place]


class _Reversed:
    """A sort key for a descending column."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __lt__(self, other: "_Reversed") -> bool:
        return bool(other.value < self.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Reversed) and bool(other.value == self.value)


def _ordered(query: Query, company: Company, rows: Iterable[Any]) -> list[Any]:
    """Sorted by the order columns and then the key; a token is the last row's place in that order."""

    def place(row: Any) -> tuple[Any, ...]:
        parts = []
        for name, descending in query.order:
            field_ = query.entity.field(name)
            value = comparable(field_.edm, field_.value(company, row)) if field_ else None
            parts.append(_Reversed(value) if descending else value)
        return (*parts, query.entity.key_of(company, row))

    ordered = sorted(rows, key=place)
    if query.token is None:
        return ordered
    *texts, key = split_outside(unquote(query.token), ",")
    before = []
    for (name, descending), word in zip(query.order, texts, strict=True):
        value = _from_text(query.entity, name, word)
        before.append(_Reversed(value) if descending else value)
    own_key = query.entity.field(query.entity.key)
    last = int(key) if own_key and own_key.edm.value.startswith("Edm.Int") else key.strip("'")
    limit = (*before, last)
    return [row for row in ordered if limit < place(row)]


def _from_text(entity: EntitySet, name: str, word: str) -> Any:
    """A column's value read back from a skip token."""
    field_ = entity.field(name)
    edm = field_.edm if field_ else Edm.TEXT
    match edm:
        case Edm.STAMP:
            return read_stamp(word)
        case Edm.DATE:
            return date.fromisoformat(word)
        case Edm.INT | Edm.LONG | Edm.DECIMAL:
            return Decimal(word)
        case Edm.BOOL:
            return word == "true"
        case Edm.ENUM:
            return decode_enum(word)
        case _:
            return word.strip("'").replace("''", "'")


def _token(query: Query, company: Company, row: Any) -> str:
    parts = []
    for name, _ in query.order:
        field_ = query.entity.field(name)
        value = render(field_.edm, field_.value(company, row)) if field_ else ""
        quoted = isinstance(value, str) and field_ is not None and field_.edm.value == "Edm.String"
        word = str(value).lower() if isinstance(value, bool) else str(value)
        parts.append("'" + word.replace("'", "''") + "'" if quoted else word)
    parts.append(str(query.entity.key_of(company, row)))
    return quote(",".join(parts), safe="-")


def expand_row(query: Query, company: Company, row: Any) -> JsonObject:
    """A row as JSON with its expanded navigation below it."""
    body = query.entity.render(company, row, query.select)
    for expand in query.expands:
        rows = list(expand.nav.rows(company, row))
        page = run(expand.query, company, 20000, rows)
        children: list[JsonObject] = [expand_row(expand.query, company, child) for child in page.rows]
        if expand.nav.many:
            body[expand.nav.name] = list(children)
        else:
            body[expand.nav.name] = children[0] if children else None
    return body
