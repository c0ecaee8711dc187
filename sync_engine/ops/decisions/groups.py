"""Groups and hierarchy: who stands under whom, who shares a limit, and how much of it is used."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any, Literal, NamedTuple
from uuid import UUID

from sync_engine.canonical.by_hand import Unfit, checked
from sync_engine.errors import ConfigurationError
from sync_engine.ops.decisions import operations as ops
from sync_engine.ops.decisions.plan import plan
from sync_engine.ops.decisions.plan_view import Plan
from sync_engine.ops.runs.source_run import Runtime
from sync_engine.store.db import transaction
from sync_engine.store.queries import lookups


class Utilisation(NamedTuple):
    """How much of a group's limit its members use, in base currency; `flag` says why there is no figure, or what is wrong with it."""

    group_id: UUID
    name: str
    members: int
    exposure: Decimal | None
    credit_limit: Decimal | None
    utilisation: Decimal | None
    flag: str | None


def set_parent(runtime: Runtime, debtor: str, parent: str | None, *, by: str) -> Plan:
    """Plans that a debtor stands under another one (or under none). Raises ConfigurationError where that would close a circle."""
    return plan(runtime, ops.SetParent(debtor=debtor, parent=parent), by=by)


def set_group(
    runtime: Runtime,
    name: str,
    *,
    by: str,
    credit_limit: Decimal | Literal["none"] | None = None,
    top_debtor: str | None = None,
    members: Sequence[str] = (),
    leaving: Sequence[str] = (),
    dissolve: bool = False,
) -> Plan:
    """Plans a group: made when there is none of this name, changed by what is given, or dissolved. Limit `none` takes the limit away.

    Raises ConfigurationError for a name or a limit that is none, and what `plan` raises.
    """
    if not name.strip():
        raise ConfigurationError("a group needs a name")
    limit = _typed(name, "credit_limit", credit_limit) if isinstance(credit_limit, Decimal) else credit_limit
    name = _typed(name, "name", name)
    return plan(runtime, ops.SetGroup(
        name=name, credit_limit=limit, top_debtor=top_debtor, members=tuple(members), leaving=tuple(leaving),
        dissolve=dissolve,
    ), by=by)  # fmt: skip


def _typed(group: str, field: str, value: Any) -> str:
    try:
        return str(checked("group", field, value))
    except Unfit as why:
        raise ConfigurationError(
            f"{value} is no {field.replace('_', ' ')}: {why}",
            whose=group,
            todo="0 is no credit, `none` is no limit.",
        ) from None


def utilisation(runtime: Runtime, as_of: date) -> list[Utilisation]:
    """Every group with its exposure on a date, most used first."""
    with transaction(runtime.store, "reading group limits") as connection:
        return [Utilisation._make(row) for row in lookups.group_utilisation(connection, as_of)]
