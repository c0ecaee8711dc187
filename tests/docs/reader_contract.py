"""The page for applications that read `canonical`, written from the comments of a migrated database."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import psycopg

from sync_engine.platform.urls import psycopg_url
from sync_engine.store.schema.descriptions import ALIKE

INTRO = """\
# Reader contract

<!-- Written by `make docs` from the schema. Do not edit: edit `sync_engine/store/schema/descriptions.py`, and the comments in `migrations/views`. -->

What an application may count on that reads the schema `canonical`. The schema changes by migration only, and the changelog tells what a
change means. The schema `engine` is private: nothing of it is promised.

**Access.** Grant your login the role `sync_engine_reader`: it may select from everything here and see nothing of the engine. The role
`sync_engine_writer` may also insert into `canonical.claim_inbox`, and nothing else; the login is kept beside what it says.

**Companies.** As long as nobody was granted a company, every reader sees all. From the first `sync-engine access grant LOGIN --company NAME`
on, a login sees the companies it was granted, and without a grant nothing: tables, views and functions alike.

**Whole cuts.** What a source published together became visible together. While a run goes on, readers see the cut before it. To join
several statements in one state, use one transaction at isolation level `repeatable read`.

**What is gone stays.** A record that its source deleted has `deleted_at`; one that was merged has `merged_into`. The views leave both out;
from a table, ask for `deleted_at IS NULL` (and `merged_into IS NULL`).

**Units.** Money is exact: `numeric(19,4)` in the currency that stands beside it. A column that ends in `_base` is in the base currency of
the source, at the rate of the booking. Amounts of different currencies are never added up. A `date` is a business date and has no zone.
A `timestamp with time zone` is an instant, in UTC. Null is unknown or empty, never nought.

**Direction.** `total`, `open_amount` and `amount` are positive for an invoice, a credit note and a payment alike: the kind gives the direction.
`balance_effect` has the sign.

**Begin with the views.**

| view | a row is |
|---|---|
| `open_items`, `debtor_balance` | what is not settled; per debtor and currency, owed, overdue, unapplied, balance |
| `ageing`, `ageing_summary` | buckets by due date (`ageing_bucket` is data), credits apart |
| `debtor_metrics`, `metrics`, `credit_utilisation` | versioned definitions, with how many were included and why others were not |
| `portfolio_members`, `positions_in_use` | the empty portfolios too |
| `overruled` | a source said something else and was not believed |
| `explained`, `field_claim`, `ownership` | a field of a record: its value, its master, the rule; what each source says; who is believed for it |
| `grade`, `source_freshness` | how far to trust it, and as of when |

**What your users decide** goes the other way, through `canonical.claim_inbox`: [imports and inbox](imports-and-inbox.md).

**Follow changes** by polling: remember the last `seq`, ask for those above it. `seq` ascends in the order of commits, so nothing is missed.

```sql
SELECT seq, entity, record_id, op, field, old, new, actor, cut_id FROM canonical.change WHERE seq > :last ORDER BY seq LIMIT 1000
```

A rename is one row; a first load is one `create` per record.

**As of a date**, the functions at the end give what the views give. A row says whether that is exact (`is_exact`, `why_inexact`).

## How the tables hang together

No foreign keys are declared on the bulk tables: the cut writes parent and child in one transaction. These are the references all the same.
"""

RELATIONS = """
    SELECT c.relname, c.relkind = 'v', coalesce(obj_description(c.oid), '') FROM pg_class c
    WHERE c.relnamespace = 'canonical'::regnamespace AND c.relkind IN ('r', 'v') ORDER BY 1
"""
COLUMNS = """
    SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, coalesce(col_description(c.oid, a.attnum), ''),
        coalesce(a.attnum = ANY(i.indkey), false)
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
    WHERE c.relnamespace = 'canonical'::regnamespace AND c.relkind IN ('r', 'v') AND a.attnum > 0 AND NOT a.attisdropped
    ORDER BY c.relname, a.attnum
"""
FUNCTIONS = """
    SELECT p.proname, pg_get_function_arguments(p.oid), obj_description(p.oid) FROM pg_proc p
    WHERE p.pronamespace = 'canonical'::regnamespace AND p.proname LIKE '%\\_at' AND obj_description(p.oid) IS NOT NULL ORDER BY 1
"""
COMMON = (
    "id", "source", "external_id", "external_no", "source_url", "source_modified_at", "first_seen_at", "changed_at", "cut_id", "deleted_at", "custom",
)  # fmt: skip
"""What most tables carry: told once, where it means what it means everywhere."""


class Column(NamedTuple):
    """One column of a table or view."""

    relation: str
    name: str
    type: str
    is_required: bool
    meaning: str
    is_key: bool


class Relation(NamedTuple):
    """A table or a view, with its columns in order."""

    name: str
    is_view: bool
    purpose: str
    columns: tuple[Column, ...]


def relations(url: str) -> list[Relation]:
    """Tables and views of `canonical`, by name."""
    with psycopg.connect(psycopg_url(url)) as connection:
        columns = [Column(*row) for row in connection.execute(COLUMNS)]
        return [
            Relation(name, is_view, purpose, tuple(c for c in columns if c.relation == name))
            for name, is_view, purpose in connection.execute(RELATIONS)
        ]


def is_common(column: Column) -> bool:
    """Whether it is told with the common columns."""
    return column.name in COMMON and column.meaning == ALIKE[column.name]


def page(url: str) -> str:
    """The whole page, from the database at a SQLAlchemy URL."""
    found = relations(url)
    tables, views = [r for r in found if not r.is_view], [r for r in found if r.is_view]
    parts = [INTRO, "```mermaid\nerDiagram\n" + "\n".join(_drawn(tables)) + "\n```\n"]
    parts += [
        "## Tables\n",
        *(_told(r) for r in tables),
        "## Views\n",
        "Begin with these.\n",
        *(_told(r) for r in views),
    ]
    parts += ["## As of a date\n", "Leave the source out, or give null, for all sources.\n", _functions(url)]
    return "\n".join(part.rstrip() + "\n" for part in parts)


def references(tables: list[Relation]) -> Iterator[tuple[str, str, str]]:
    """(table, column, table it means), as the descriptions of the columns say."""
    names = {t.name for t in tables}
    for table in tables:
        for column in table.columns:
            if not column.name.endswith("_id") or column.type not in ("uuid", "bigint"):
                continue
            if is_common(column):
                continue
            for meant in re.findall(r"canonical\.(\w+)", column.meaning):
                if meant in names:
                    yield table.name, column.name, meant


def _drawn(tables: list[Relation]) -> Iterator[str]:
    edges = list(references(tables))
    for table in tables:
        yield f"    {table.name} {{"
        for column in table.columns:
            ends = {name for of, name, _ in edges if of == table.name}
            if column.is_key or column.name in ends:
                mark = "PK" if column.is_key else "FK"
                yield f"        {re.sub(r'[^a-z0-9]+', '_', column.type)} {column.name} {mark}"
        yield "    }"
    for of, name, meant in edges:
        yield f"    {meant} ||--o{{ {of} : {name}"


def _common(tables: list[Relation]) -> str:
    """The common columns, as the table of documents has them."""
    document = next(t for t in tables if t.name == "document")
    return _listed([c for c in document.columns if is_common(c)])


def _told(relation: Relation) -> str:
    shared = [c.name for c in relation.columns if is_common(c)]
    own = [c for c in relation.columns if not is_common(c)]
    if relation.is_view or len(shared) < 3:
        shared, own = [], list(relation.columns)
    common = f"Common columns: {', '.join(f'`{name}`' for name in shared)}.\n\n" if shared else ""
    return f"### {relation.name}\n\n{relation.purpose}\n\n{common}{_listed(own) if own else ''}"


def _listed(columns: Sequence[Column]) -> str:
    lines = ["| column | type | meaning |", "|---|---|---|"]
    for column in columns:
        required = ", never null" if column.is_required else ""
        lines.append(f"| `{column.name}` | {column.type}{required} | {_cell(column.meaning)} |")
    return "\n".join(lines) + "\n"


def _functions(url: str) -> str:
    with psycopg.connect(psycopg_url(url)) as connection:
        rows = connection.execute(FUNCTIONS).fetchall()
    lines = ["| function | answers |", "|---|---|"]
    return (
        "\n".join([*lines, *(f"| `{name}({arguments})` | {_cell(told)} |" for name, arguments, told in rows)])
        + "\n"
    )


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
