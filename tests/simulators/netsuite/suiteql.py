"""SuiteQL: parsed as Oracle, checked against the tables, run for real in SQLite, told as the service tells it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from sqlglot import Dialect, exp, parse_one
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.scope import Scope, traverse_scope

from tests.simulators.netsuite.schema import FEATURES, TABLES

TOO_WIDE = 100
_FORMATS = {
    "YYYY-MM-DD HH24:MI:SS": "%Y-%m-%d %H:%M:%S",
    "YYYY-MM-DD": "%Y-%m-%d",
}
_ORACLE, _SQLITE = Dialect.get_or_raise("oracle"), Dialect.get_or_raise("sqlite")


class Refusal(Exception):
    """What the service says of a query that it does not run (HTTP 400, or 500 where it only breaks)."""

    def __init__(self, detail: str, *, status: int = 400) -> None:
        super().__init__(detail)
        self.detail, self.status = detail, status


@dataclass
class Session:
    """Whose question it is: his time zone and date format, what his role and the account's features show.

    `hidden`: table -> condition of the rows that he does not see. `broken`: columns over which the service breaks down.
    """

    zone: str = "America/Los_Angeles"
    date_format: str = "%m/%d/%Y"
    off: set[str] = field(default_factory=set)
    forbidden: set[str] = field(default_factory=set)
    hidden: dict[str, str] = field(default_factory=dict)
    gone_columns: set[str] = field(default_factory=set)
    broken_columns: set[str] = field(default_factory=set)
    ignores_alias: bool = False

    def lacks(self, table: str) -> bool:
        """Whether a table is not there for him."""
        return (
            table not in TABLES
            or table in self.forbidden
            or any(table in FEATURES[feature] for feature in self.off)
        )


class _ExactSum:
    """SUM without the noise of binary fractions."""

    def __init__(self) -> None:
        self._sum: Decimal | None = None

    def step(self, value: float | None) -> None:
        if value is not None:
            self._sum = (self._sum or Decimal(0)) + Decimal(repr(value))

    def finalize(self) -> float | None:
        return None if self._sum is None else float(self._sum)


@lru_cache(maxsize=65536)
def _local(stamp: str | None, zone: str) -> str | None:
    """A stamp in UTC as the session's clock showed it."""
    if stamp is None:
        return None
    return (
        datetime.fromisoformat(stamp)
        .replace(tzinfo=UTC)
        .astimezone(ZoneInfo(zone))
        .strftime("%Y-%m-%d %H:%M:%S")
    )


def _to_char(value: str | None, form: str) -> str | None:
    return None if value is None else datetime.fromisoformat(value).strftime(_FORMATS[form])


def _to_timestamp(text: str, form: str) -> str:
    shown = datetime.strptime(text, _FORMATS[form])  # noqa: DTZ007 - a clock of the session, as the columns are
    return shown.strftime("%Y-%m-%d %H:%M:%S")


def prepare(connection: sqlite3.Connection) -> None:
    """Teaches SQLite the functions of SuiteQL."""
    for name, arity, function in (
        ("ns_local", 2, _local),
        ("ns_to_char", 2, _to_char),
        ("ns_to_timestamp", 2, _to_timestamp),
    ):
        connection.create_function(name, arity, function, deterministic=True)
    connection.create_aggregate("SUM", 1, _ExactSum)  # type: ignore[arg-type]


def run(
    connection: sqlite3.Connection, statement: str, session: Session, now: datetime
) -> list[dict[str, Any]]:
    """The rows of a query, nulls left out, numbers as text. Raises Refusal."""
    try:
        tree = parse_one(statement, dialect=_ORACLE)
    except SqlglotError:
        tree = None
    if not isinstance(tree, exp.Query) or "[" in statement:
        raise Refusal("Invalid search query. Detailed unprocessed description follows. Parse error")
    widths = [len(select.expressions) for select in tree.find_all(exp.Select)]
    names, shown = _names(tree), _shown(tree, session)
    translated = _translate(tree, session, now).sql(dialect=_SQLITE, identify=True)
    if max(widths) > TOO_WIDE:
        return []
    try:
        rows = connection.execute(translated).fetchall()
    except sqlite3.Error as failure:
        raise Refusal(f"Invalid or unsupported search. {failure}") from None
    return [
        {
            (f"expr{place}" if session.ignores_alias and len(names) == 1 else name): told
            for place, (name, value) in enumerate(zip(names, row, strict=True), 1)
            if (told := _told(value, shown.get(name), session)) is not None
        }
        for row in rows
    ]


def _names(tree: exp.Query) -> list[str]:
    """What the columns are called: as the first of several arms of a union says."""
    if any(isinstance(column, exp.Star) for column in tree.selects):
        source = tree.find(exp.Table)
        assert source is not None
        return list(TABLES[source.name.lower()])
    return [column.alias_or_name.lower() or f"expr{place}" for place, column in enumerate(tree.selects, 1)]


def _shown(tree: exp.Query, session: Session) -> dict[str, str]:
    """Columns that are told as they are although they are dates: in the user's format, without their time."""
    kinds = {name: kind for table in TABLES.values() for name, kind in table.items()}
    found: dict[str, str] = {}
    for column in tree.selects:
        inner = column.this if isinstance(column, exp.Alias) else column
        if isinstance(inner, exp.Column) and kinds.get(inner.name.lower()) in ("day", "stamp"):
            found[column.alias_or_name.lower()] = session.date_format
    return found


def _told(value: Any, form: str | None, session: Session) -> str | None:
    if value is None:
        return None
    if form is not None:
        return datetime.fromisoformat(str(value)).strftime(form)
    if isinstance(value, float):
        plain = Decimal(repr(round(value, 8))).normalize()
        return format(plain, "f")
    return str(value)


def _translate(tree: exp.Query, session: Session, now: datetime) -> exp.Query:
    """The same query over the tables in SQLite: what the session does not see is taken away, stamps become local."""
    tables = {table.name.lower() for table in tree.find_all(exp.Table)} - {"dual"}
    derived = {cte.alias.lower() for cte in tree.find_all(exp.CTE)}
    for table in sorted(tables - derived):
        if session.lacks(table):
            raise Refusal(
                f"Invalid search query. Detailed unprocessed description follows. Search error occurred: Record '{table}' was not found."
            )
    for scope in list(traverse_scope(tree)):
        for column in list(scope.columns):
            kind = _kind(column, scope, session)
            if kind == "stamp":
                column.replace(
                    exp.Anonymous(this="ns_local", expressions=[column.copy(), _text(session.zone)])
                )
    for node in list(tree.walk())[::-1]:
        if (other := _changed(node, session, now)) is not node:
            node.replace(other)
    for source in list(tree.find_all(exp.Table)):
        name = source.name.lower()
        if name == "dual":
            source.replace(_in_place_of(source, "SELECT 'X' AS dummy"))
        elif name in session.hidden:
            seen = f'SELECT * FROM "{name}" WHERE NOT coalesce(({session.hidden[name]}), 0)'
            source.replace(_in_place_of(source, seen))
        else:
            source.set("this", exp.to_identifier(name))
    return tree


def _in_place_of(table: exp.Table, query: str) -> exp.Subquery:
    alias = exp.TableAlias(this=exp.to_identifier(table.alias_or_name))
    return exp.Subquery(this=parse_one(query, dialect=_SQLITE), alias=alias)


def _text(value: str) -> exp.Literal:
    return exp.Literal.string(value)


def _changed(node: exp.Expr, session: Session, now: datetime) -> exp.Expr:
    match node:
        case exp.CurrentTimestamp():
            return _text(now.astimezone(ZoneInfo(session.zone)).strftime("%Y-%m-%d %H:%M:%S"))
        case exp.ToChar() | exp.TimeToStr():
            return _call("ns_to_char", node)
        case exp.StrToTime() | exp.StrToDate():
            return _call("ns_to_timestamp", node)
        case exp.Column() if node.name.upper() == "SESSIONTIMEZONE":
            return _text(session.zone)
        case exp.Ordered():
            node.set("nulls_first", None)
    return node


def _call(name: str, node: exp.Expression) -> exp.Expression:
    form = _text(_oracle_format(node.args["format"].name))
    return exp.Anonymous(this=name, expressions=[node.this.copy(), form])


def _oracle_format(form: str) -> str:
    return next(oracle for oracle, python in _FORMATS.items() if form in (python, oracle))


def _kind(column: exp.Column, scope: Scope, session: Session) -> str | None:
    """The kind of a column, None of a made one. Raises Refusal for one that no table of its query has."""
    name, alias = column.name.lower(), column.table.lower()
    if name in ("sessiontimezone", "rownum"):
        return None
    for source in _sources(scope, alias):
        if not isinstance(source, exp.Table):
            return None
        table = source.name.lower()
        if name in session.broken_columns:
            raise Refusal("An unexpected error occurred. Error ID: lab1cd2e", status=500)
        if name in TABLES.get(table, {}) and name not in session.gone_columns:
            return TABLES[table][name]
        if alias:
            raise Refusal(
                f"Invalid search query. Search error occurred: Field '{name}' for record '{table}' was not found."
            )
    known = sorted(
        name
        for source in _sources(scope, alias)
        if isinstance(source, exp.Table)
        for name in TABLES.get(source.name.lower(), ())
    )
    if name in {select.alias.lower() for select in scope.expression.args.get("expressions", ())}:
        return None
    raise Refusal(f"Unknown identifier '{name}'. Available identifiers are: {{{','.join(known)}}}")


def _sources(scope: Scope | None, alias: str) -> Iterator[Any]:
    while scope is not None:
        for known, source in scope.sources.items():
            if not alias or known.lower() == alias:
                yield source.expression if isinstance(source, Scope) else source
        scope = scope.parent
