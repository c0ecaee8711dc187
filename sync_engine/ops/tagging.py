"""Tags from a question: every debtor that a query answers gets a tag, as an import with a dry run and an undo. A campaign list."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from sync_engine.canonical.declared import column_identity
from sync_engine.errors import ConfigurationError
from sync_engine.ops.imports import Report, apply_table, plan_table
from sync_engine.ops.inspect.sql import query
from sync_engine.ops.runs.source_run import Runtime
from sync_engine.platform.lines import Line
from sync_engine.platform.tables import Table

NAMING = ("debtor_id", "debtor_number", "customer", "customer_id", "id", "number")
"""Columns of an answer that name its debtors, the first of them that is there; an answer of one column needs none of these names."""
KIND = "debtor-tags"


def plan_tag(runtime: Runtime, tag: str, statement: str, *, name: str) -> Report:
    """What tagging the debtors of this answer would do; writes nothing. `name` is what the question is called in the list of imports.

    Raises ConfigurationError for a statement that is refused or names no debtors.
    """
    return plan_table(runtime.store, KIND, _tagged(runtime, tag, statement, name))


def apply_tag(
    runtime: Runtime, tag: str, statement: str, *, name: str, who: str, why: str | None = None
) -> Report:
    """Tags the debtors of this answer; `import --undo` takes it back. Raises like `plan_tag`."""
    digest = hashlib.sha256(f"{tag}\x1f{statement}".encode()).hexdigest()
    table = _tagged(runtime, tag, statement, name)
    return apply_table(runtime.store, KIND, table, digest, who=who, clock=runtime.clock, why=why)


def _tagged(runtime: Runtime, tag: str, statement: str, name: str) -> Table:
    answer = query(runtime.store, runtime.lake, statement)
    place = _place(answer.columns, name)
    debtors = dict.fromkeys(str(row[place]) for row in answer.rows if row[place] is not None)
    lines = (Line(number, (debtor, tag)) for number, debtor in enumerate(debtors, 1))
    return Table(name, ("customer", "tag"), lines)


def _place(columns: Sequence[str], name: str) -> int:
    """Which column names the debtors. Raises ConfigurationError."""
    called = [column_identity(column).replace(" ", "_") for column in columns]
    for wanted in NAMING:
        if called.count(wanted) == 1:
            return called.index(wanted)
    if len(columns) == 1:
        return 0
    raise ConfigurationError(
        f"the answer does not say which column names the debtors: it has {', '.join(columns) or 'none'}",
        whose=name,
        todo=f"Call it {NAMING[0]}, or ask for that column alone.",
    )
