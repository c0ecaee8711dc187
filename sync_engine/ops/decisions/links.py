"""Who is who, by hand: each function plans one decision; `planning.apply` carries a plan out, `do` both at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

from pydantic import ValidationError

from sync_engine.config import SourceConfig
from sync_engine.errors import ConfigurationError
from sync_engine.ops.decisions import operations as ops
from sync_engine.ops.decisions.names import exists, record_id
from sync_engine.ops.decisions.plan import apply, do, plan
from sync_engine.ops.decisions.plan_view import Plan
from sync_engine.ops.decisions.suggestions import suggestions
from sync_engine.ops.runs.source_run import Runtime
from sync_engine.platform.tables import Table, read_table
from sync_engine.store.db import transaction
from sync_engine.store.decisions import plans
from sync_engine.store.publishing.parties import labels
from sync_engine.store.queries.review_queue import open_cases
from sync_engine.yaml_errors import sentence

__all__ = [
    "adopt",
    "apply",
    "bulk",
    "cases",
    "do",
    "go_automatic",
    "history",
    "link",
    "merge",
    "not_the_same",
    "pin",
    "relink",
    "switch_to_automatic",
    "undo",
    "unlink",
    "unmerge",
    "unpin",
]


def link(
    runtime: Runtime,
    source: str,
    key: str,
    to: str,
    *,
    by: str,
    entity: ops.Entity = "debtor",
    force: bool = False,
) -> Plan:
    """Plans that a source record means a canonical record, named by id, number, a source's id or exact name."""
    return plan(runtime, ops.Link(entity=entity, source=source, key=key, to=to, force=force), by=by)


relink = link
"""Moving a linked record to another canonical record is the same decision: its documents and contacts go along."""


def unlink(runtime: Runtime, source: str, key: str, *, by: str, entity: ops.Entity = "debtor") -> Plan:
    """Plans that a source record does not mean what it is linked to; of an automatic source it stands for itself again."""
    return plan(runtime, ops.Unlink(entity=entity, source=source, key=key), by=by)


def merge(
    runtime: Runtime, losing: str, into: str, *, by: str, entity: ops.Entity = "debtor", force: bool = False
) -> Plan:
    """Plans that two canonical records are one; `losing` stays as a tombstone that names `into`."""
    return plan(runtime, ops.Merge(entity=entity, losing=losing, into=into, force=force), by=by)


def unmerge(runtime: Runtime, record: str, *, by: str, entity: ops.Entity = "debtor") -> Plan:
    """Plans that a record merged away stands for itself again, with the source records it had."""
    return plan(runtime, ops.Unmerge(entity=entity, record=record), by=by)


def not_the_same(
    runtime: Runtime, source: str, key: str, record: str, *, by: str, entity: ops.Entity = "debtor"
) -> Plan:
    """Plans that no rule ever links a source record to a canonical record."""
    return plan(runtime, ops.NotTheSame(entity=entity, source=source, key=key, record=record), by=by)


def pin(
    runtime: Runtime,
    record: str,
    field: str,
    value: Any,
    *,
    by: str,
    entity: ops.Entity = "debtor",
    until: date | None = None,
    until_source_changes: bool = False,
) -> Plan:
    """Plans that a field has this value whatever the sources say. Raises ConfigurationError for a day that is over, and what `plan` raises."""
    if until is not None and until < (today := runtime.clock.now().date()):
        raise ConfigurationError(
            f"{until} is over: the value would never hold",
            whose=record,
            key=field,
            todo=f"Give a day from {today} on, or none.",
        )
    operation = ops.PinField(
        entity=entity,
        record=record,
        field=field,
        value=value,
        until=until,
        until_source_changes=until_source_changes,
    )
    return plan(runtime, operation, by=by)


def unpin(runtime: Runtime, record: str, field: str, *, by: str, entity: ops.Entity = "debtor") -> Plan:
    """Plans that the sources decide about a field again."""
    return plan(runtime, ops.UnpinField(entity=entity, record=record, field=field), by=by)


def undo(runtime: Runtime, plan_hash: str = "last", *, by: str) -> Plan:
    """Plans to take back an applied plan; `last` is the latest that still stands."""
    with transaction(runtime.store, "looking at a plan") as connection:
        done = plans.applied_plan(connection, plan_hash)
    if done is None:
        raise ConfigurationError(
            "no applied plan has this hash", key=plan_hash, todo="See `sync-engine links history`."
        )
    return plan(runtime, ops.Undo(plan=done.plan_hash), by=by)


def go_automatic(runtime: Runtime, config: SourceConfig, *, by: str, entity: ops.Entity = "debtor") -> Plan:
    """Plans what the rules would do with everything this source holds unlinked: the gate to mode automatic, and the dry run of an import."""
    settings = config.link_settings(entity)
    return plan(
        runtime,
        ops.GoAutomatic(
            entity=entity,
            source=config.source,
            create_unmatched=bool(settings.create_unmatched),
            rungs=settings.rungs,
        ),
        by=by,
    )


def switch_to_automatic(
    runtime: Runtime,
    config: SourceConfig,
    plan_hash: str,
    *,
    by: str,
    entity: ops.Entity = "debtor",
    why: str | None = None,
    wait: bool = False,
) -> Plan:
    """Applies the plan that `go_automatic` made: the gate. Raises ConfigurationError for a plan of something else, and what `apply` raises."""
    with transaction(runtime.store, "looking at a plan") as connection:
        kept = plans.find_plan(connection, plan_hash)
    asked = {"op": "go_automatic", "entity": entity, "source": config.source}
    if kept is not None and any(kept.operation.get(name) != value for name, value in asked.items()):
        raise ConfigurationError(
            f"this plan does not switch {entity} links of {config.source} to automatic",
            key=plan_hash[:12],
            todo="Plan that, look at it, and give its hash.",
        )
    return apply(runtime, plan_hash, by=by, why=why, wait=wait)


def adopt(
    runtime: Runtime, source: str, key: str, record: str, *, by: str, entity: ops.Entity = "debtor"
) -> Plan:
    """Plans the link that a suggestion proposed; its score and what it was made of are kept as evidence."""
    with transaction(runtime.store, "looking for a record") as connection:
        exists(connection, entity, source, key)
        wanted = record_id(connection, entity, record)
    found = [
        s for s in suggestions(runtime, source, entity=entity, keys=[key], limit=20) if s.record == wanted
    ]
    if not found:
        raise ConfigurationError(
            f"nothing suggests {record!r} for this record",
            whose=source,
            key=key,
            todo="Link it, if you know better.",
        )
    evidence = {"suggested": True, "score": found[0].score, **found[0].evidence}
    return plan(
        runtime,
        ops.Link(entity=entity, source=source, key=key, to=found[0].record, evidence=evidence),
        by=by,
    )


COLUMNS = ("action", "entity", "source", "external_id", "to", "note")
"""`note` is for people, and not read."""
TOLD = 20
"""Wrong rows that an error lists."""


def bulk(runtime: Runtime, file: Path, *, by: str) -> Plan:
    """Plans the decisions of a CSV or Excel file: columns source, external_id, to, and where wanted action (link, unlink, merge, not_the_same) and entity.

    One plan, one transaction. Raises ConfigurationError that lists the rows that cannot be read or make no sense, SourceError for a file that is no table.
    """
    return plan(runtime, ops.Bulk(operations=tuple(_rows(read_table(file)))), by=by)


def _rows(table: Table) -> Iterable[ops.Link | ops.Unlink | ops.Merge | ops.NotTheSame]:
    places = {name: place for name in COLUMNS if (place := table.place(name)) is not None}
    if unknown := [name for place, name in enumerate(table.header) if place not in places.values()]:
        raise ConfigurationError(
            f"unknown columns {', '.join(sorted(unknown))}",
            whose=table.name,
            todo=f"There are: {', '.join(COLUMNS)}.",
        )
    found: list[ops.Link | ops.Unlink | ops.Merge | ops.NotTheSame] = []
    wrong: list[str] = []
    for line in table.rows:
        try:
            if line.wrong:
                raise ValueError(line.wrong)
            found.append(
                _operation({name: (line.cells[place] or "").strip() for name, place in places.items()})
            )
        except ValidationError as error:
            wrong.append(f"line {line.number}: {sentence(error, '').what}")
        except ValueError as error:
            wrong.append(f"line {line.number}: {error}")
    if wrong:
        raise ConfigurationError(
            "; ".join(wrong[:TOLD]),
            whose=table.name,
            todo=f"{len(wrong)} rows cannot be read; nothing was planned.",
        )
    if not found:
        raise ConfigurationError(
            "holds no decision", whose=table.name, todo=f"A row has {', '.join(COLUMNS[2:5])}."
        )
    return found


def _operation(row: dict[str, str]) -> ops.Link | ops.Unlink | ops.Merge | ops.NotTheSame:
    entity: Any = row.get("entity") or "debtor"
    action, source, key, to = (
        row.get("action") or "link",
        row.get("source", ""),
        row.get("external_id", ""),
        row.get("to", ""),
    )
    if missing := [
        name
        for name, value in (
            ("source", source or action == "merge"),
            ("external_id", key),
            ("to", to or action == "unlink"),
        )
        if not value
    ]:
        raise ValueError(f"{', '.join(missing)} is empty")
    if action == "link":
        return ops.Link(entity=entity, source=source, key=key, to=to)
    if action == "unlink":
        return ops.Unlink(entity=entity, source=source, key=key)
    if action == "merge":
        return ops.Merge(entity=entity, losing=key, into=to)
    if action in ("not_the_same", "not-the-same"):
        return ops.NotTheSame(entity=entity, source=source, key=key, record=to)
    raise ValueError(f"there is no action {action!r}")


def cases(
    runtime: Runtime, source: str | None = None, entity: ops.Entity | None = None
) -> list[dict[str, Any]]:
    """Ambiguous and vetoed records that wait for a person."""
    with transaction(runtime.store, "listing what is ambiguous") as connection:
        return open_cases(connection, source, entity)


class Decided(NamedTuple):
    """A plan that was applied."""

    plan_hash: str
    what: str
    by: str
    at: datetime
    why: str | None
    undone_by: str | None


def history(runtime: Runtime, limit: int = 50) -> list[Decided]:
    """What was applied, latest first, and what of it was undone."""
    with transaction(runtime.store, "listing decisions") as connection:
        rows = plans.history(connection, limit)
        called = {
            e: labels(connection, e, {i for r in rows for i in _ids(r["operation"])})
            for e in ("debtor", "contact")
        }
    numbers = {i: number for found in called.values() for i, (number, _) in found.items() if number}
    return [
        Decided(
            r["plan_hash"],
            _told(r["operation"], numbers),
            r["applied_by"],
            r["applied_at"],
            r["reason"],
            r["undone_by"],
        )
        for r in rows
    ]


def _ids(operation: dict[str, Any]) -> Iterator[str]:
    for value in operation.values():
        try:
            yield str(UUID(value))
        except (ValueError, TypeError, AttributeError):
            continue


def _told(operation: dict[str, Any], numbers: dict[str, str]) -> str:
    return ops.OPERATION.validate_python(
        {name: numbers.get(v, v) if isinstance(v, str) else v for name, v in operation.items()}
    ).told
