"""What the tests of the life of decisions do and look at."""

from __future__ import annotations

import json
from typing import Any

from sync_engine.ops.decisions import operations as ops
from sync_engine.ops.decisions.plan import do
from sync_engine.ownership.policy import Policy
from sync_engine.store.db import run_sql, transaction
from tests.links.support import World

PHONE = "+45 87 65 43 21"


def decide(world: World, *operations: ops.Operation) -> None:
    """Ada decides, one after the other."""
    for operation in operations:
        do(world.runtime, operation, by="ada")


def ids(world: World, *keys: str) -> list[str]:
    """The canonical debtors of ERP records."""
    return [str(world.debtor_of("erp", key)) for key in keys]


def change(world: World, source: str, key: str, **values: Any) -> None:
    """A debtor says something else, and its source is pulled; a value of `...` is no longer said."""
    said = {**world.records[source]["debtors"][key], **values}
    world.say(source, "debtors", key, **{name: value for name, value in said.items() if value is not ...})
    world.run(source)


def state_word(world: World, debtor: str, field: str, value: Any) -> None:
    """An application says something about a debtor; None takes back what was said."""
    with transaction(world.store, "saying") as connection:
        run_sql(
            connection,
            "INSERT INTO canonical.claim_inbox (entity, record_id, field, value, said_by) VALUES ('debtor', CAST(:id AS uuid), :field, "
            "CAST(:value AS jsonb), 'dunning')",
            id=debtor,
            field=field,
            value=None if value is None else json.dumps(value),
        )


def everything(world: World) -> dict[str, frozenset[str]]:
    """What readers see and what people decided."""
    return world.state() | world.decided()


def parents(world: World, column: str = "parent_id") -> dict[str, str | None]:
    """Number of every living debtor -> the number of its parent, or of its ultimate one."""
    return dict(
        world.rows(
            f"SELECT d.number, p.number FROM canonical.debtor d LEFT JOIN canonical.debtor p ON p.id = d.{column} WHERE d.deleted_at IS NULL"
        )
    )


# --- groups


def group_of(world: World, debtor: str) -> str | None:
    """The name of a debtor's group."""
    rows = world.rows(
        "SELECT g.name FROM canonical.debtor d JOIN canonical.debtor_group g ON g.id = d.group_id WHERE d.id = CAST(:id AS uuid)",
        id=debtor,
    )
    return str(rows[0][0]) if rows else None


# --- pins through merges


def pinned(world: World, debtor: str) -> list[tuple[str, Any]]:
    """Field and value of what is pinned on a debtor."""
    return [
        tuple(r)
        for r in world.rows(
            "SELECT field, value FROM engine.pin WHERE canonical_id = CAST(:id AS uuid) ORDER BY 1", id=debtor
        )
    ]


# --- companies, vetoes, balances


def two_companies(world: World) -> World:
    """Nordlys believes its own ERP alone about names; one customer in the books of each, and Nordlys' ERP before Sydlys' in order."""
    world.policy = Policy.model_validate(
        {"rules": [{"company": "Nordlys", "fields": ["name"], "ranking": ["nordlys"]}, {"ranking": ["erp"]}]}
    )
    for company in ("Sydlys", "Nordlys"):
        world.add(company.casefold(), "erp")
        world.say(company.casefold(), "companies", "1", name=company, base_currency="DKK")
        world.say(
            company.casefold(),
            "debtors",
            "1",
            number=company,
            name=f"Hansen of {company}",
            erp_balance="100.00",
        )
        world.run(company.casefold())
    return world
