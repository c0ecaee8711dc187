"""Claims of a debtor, and what they fold to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sync_engine.canonical.fields import Field
from sync_engine.ownership.policy import Mode, Policy, Rule
from sync_engine.ownership.resolve import (
    Claim,
    Resolved,
    Resolver,
)

FIELDS = (
    Field("name"),
    Field("phone", group="contact"),
    Field("tags", "set"),
    Field("portfolio", group="classification"),
)
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
ROLES = {"bc": "erp", "nav": "erp", "sugar": "crm", "desk": "collections"}
EVERYBODY = ("erp", "crm", "collections")


def said(source: str = "bc", key: str = "1", *, hour: int = 0, first: dict[str, Any] | None = None, derived: dict[str, Any] | None = None,
         **values: Any) -> Claim:  # fmt: skip
    """A claim of a record that was linked at noon, or some hours later."""
    return Claim(source, ROLES[source], key, NOON + timedelta(hours=hour), values, first, derived)


def fold(mode: Mode = "master", ranking: tuple[str, ...] = EVERYBODY, **more: Any) -> Resolver:
    """A resolver with one rule for everything."""
    return Resolver("debtor", FIELDS, Policy(rules=(Rule(ranking=ranking, mode=mode),)), **more)


def resolved(values: dict[str, Any], provenance: dict[str, str]) -> Resolved:
    """What is expected."""
    return Resolved(values, provenance)


def own(*rules: Rule) -> Resolver:
    """A resolver of an entity with custom fields; without a rule the ERP is believed before the CRM."""
    return Resolver(
        "debtor",
        (Field("name"), Field("custom", "json", "custom")),
        Policy(rules=(*rules, Rule(ranking=EVERYBODY))),
    )
