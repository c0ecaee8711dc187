"""The views and functions of the schemas: the current text of each, with its comments, in one file SCHEMA.NAME.sql.

To change one, edit its file and add a migration, be it an empty one: whenever a migration runs, all of them are dropped before the first
step and made again from their files after the last (migrations/env.py), so a step alters tables as if no view stood on them, and asks none.
What somebody was granted on one is kept. A file is added for a new one; the name of one that is gone moves to GONE.
"""

from __future__ import annotations

import re
from graphlib import TopologicalSorter
from pathlib import Path
from typing import NamedTuple

from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, text

from migrations import row_security

FILES = Path(__file__).parent
GONE: tuple[tuple[str, str], ...] = ()
"""Kind and name of what earlier versions made and no file makes any more: ("VIEW", "canonical.example")."""
READERS = ("sync_engine_reader", "sync_engine_writer")
KINDS = ("VIEW", "FUNCTION", "TYPE")
"""In the order they are dropped: views ask functions, functions answer in types."""
GRANTED = text("""
    WITH ours AS (
        SELECT c.oid, n.nspname || '.' || c.relname AS name, c.relowner AS owner, c.relacl AS acl, false AS callable
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'v'
        UNION ALL
        SELECT p.oid, n.nspname || '.' || p.proname, p.proowner, p.proacl, true FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace)
    SELECT o.name, a.privilege_type, NULL AS column,
           CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END, a.is_grantable
    FROM ours o, aclexplode(o.acl) a WHERE o.name = ANY(:names) AND a.grantee <> o.owner
    UNION ALL
    SELECT o.name, a.privilege_type, quote_ident(t.attname),
           CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END, a.is_grantable
    FROM ours o JOIN pg_attribute t ON t.attrelid = o.oid AND NOT o.callable, aclexplode(t.attacl) a
    WHERE o.name = ANY(:names) AND a.grantee <> o.owner
    """)
"""What others than the owner may: name, privilege, column (null: all of it), role, whether they may grant it on."""
THERE = text("""
    SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'v'
    UNION SELECT n.nspname || '.' || p.proname FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE p.proacl IS NOT NULL
    """)
"""Views, and functions whose grants are not those of a new one."""
COLUMN = text(
    "SELECT count(*) FROM pg_attribute WHERE attrelid = to_regclass(:name) AND quote_ident(attname) = :column AND NOT attisdropped"
)


class Definition(NamedTuple):
    """A file: what it makes."""

    kind: str
    """VIEW, FUNCTION or TYPE."""
    name: str
    """With its schema."""
    text: str
    """The statement that makes it, and those for its comments."""


class Kept(NamedTuple):
    """What was granted on the ones that were dropped."""

    there: frozenset[str]
    grants: tuple[tuple[str, str, str | None, str, bool], ...]


NOTHING = Kept(frozenset(), ())


def definitions() -> tuple[Definition, ...]:
    """All of them, each after those it names."""
    found = {}
    for path in sorted(FILES.glob("*.sql")):
        said = path.read_text(encoding="utf-8")
        made = re.search(r"^CREATE (VIEW|FUNCTION|TYPE) ([a-z_.]+)", said, re.MULTILINE)
        assert made, path
        assert made[2] == path.name.removesuffix(".sql"), path
        found[made[2]] = Definition(made[1], made[2], said)
    return tuple(
        found[name]
        for name in TopologicalSorter({n: _named(d, found) for n, d in found.items()}).static_order()
    )


def _named(definition: Definition, all_of_them: dict[str, Definition]) -> set[str]:
    statement = re.sub(r"^(--|COMMENT ON ).*", "", definition.text, flags=re.MULTILINE)
    return (set(re.findall(r"\b(?:canonical|engine)\.\w+", statement)) & set(all_of_them)) - {definition.name}


def with_dependents(name: str) -> tuple[Definition, ...]:
    """A view or function and all that stand on it, in the order they are made."""
    ordered = definitions()
    by_name = {definition.name: definition for definition in ordered}
    chosen = {name}
    for definition in ordered:
        if _named(definition, by_name) & chosen:
            chosen.add(definition.name)
    return tuple(definition for definition in ordered if definition.name in chosen)


def replace(context: MigrationContext, name: str | None = None) -> None:
    """Makes one (with what stands on it) or all of them again from the files; comments are those of the files, grants are kept."""
    chosen = definitions() if name is None else with_dependents(name)
    create(context, drop(context, chosen), chosen)


def drop(context: MigrationContext, chosen: tuple[Definition, ...] | None = None) -> Kept:
    """Drops them where they are there. Fails, naming it, when something that is not ours stands on one.

    All of a kind go in one statement, so their order among each other does not matter: it may have been another one.
    """
    named = [(d.kind, d.name) for d in (definitions() if chosen is None else chosen)] + list(GONE)
    kept = NOTHING if context.as_sql else _granted(context.connection, [name for _, name in named])
    send(context, row_security.statements_to_drop())
    for kind in KINDS:
        names = ", ".join(name for of, name in named if of == kind)
        if names:
            send(context, f"DROP {kind} IF EXISTS {names};\n")
    return kept


def create(
    context: MigrationContext, kept: Kept = NOTHING, chosen: tuple[Definition, ...] | None = None
) -> None:
    """Makes them from the files, and grants what was granted before; readers see a new view."""
    wanted = definitions() if chosen is None else chosen
    for definition in wanted:
        send(context, definition.text)
    send(context, row_security.statements_to_create())
    if context.as_sql or context.connection is None:
        return
    for definition in wanted:
        if definition.name in kept.there:
            _grant_again(context.connection, definition, kept)
        elif definition.kind == "VIEW" and definition.name.startswith("canonical."):
            for role in context.connection.scalars(
                text("SELECT rolname FROM pg_roles WHERE rolname = ANY(:readers)"), {"readers": list(READERS)}
            ):
                context.connection.exec_driver_sql(f"GRANT SELECT ON {definition.name} TO {role}")


def send(context: MigrationContext, statements: str) -> None:
    """Sends a text of statements as it is, without parameters, so that no character of it needs escaping; in a script, prints it."""
    if context.as_sql or context.connection is None:
        context.impl.static_output(statements)
        return
    cursor = context.connection.connection.cursor()
    try:
        cursor.execute(statements)
    finally:
        cursor.close()


def _granted(connection: Connection | None, names: list[str]) -> Kept:
    if connection is None:
        return NOTHING
    rows = connection.execute(GRANTED, {"names": names}).all()
    return Kept(
        frozenset(connection.scalars(THERE)) & frozenset(names),
        tuple((r[0], r[1], r[2], r[3], bool(r[4])) for r in rows),
    )


def _grant_again(connection: Connection, definition: Definition, kept: Kept) -> None:
    """Exactly what was granted before: what a new one gets by itself may have been taken away."""
    of = f"{'FUNCTION' if definition.kind == 'FUNCTION' else 'TABLE'} {definition.name}"
    now = _granted(connection, [definition.name]).grants
    for role in {"PUBLIC"} | {role for _, _, _, role, _ in now}:
        connection.exec_driver_sql(f"REVOKE ALL ON {of} FROM {role}")
    for name, privilege, column, role, may_grant in kept.grants:
        if name != definition.name or (
            column and not connection.scalar(COLUMN, {"name": name, "column": column})
        ):
            continue
        connection.exec_driver_sql(
            f"GRANT {privilege}{f' ({column})' if column else ''} ON {of} TO {role}{' WITH GRANT OPTION' if may_grant else ''}"
        )
