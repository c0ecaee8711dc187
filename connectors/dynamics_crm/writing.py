"""Which columns of accounts and contacts can be written, and how each service is told. [facts: section 5]"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from connectors.dynamics_crm.tables import MODIFIED, Table

WRITABLE = ("accounts", "contacts")
COMPUTED = ("FullName", "StateCode", "StatusCode", "Merged", MODIFIED, "PaymentTermsCode")
"""What the service computes, changes by an action of its own, or has as the number of an option."""
MONEY = ("CreditLimit",)


def writable(table: Table) -> frozenset[str]:
    """The columns, in lower case, that hold text, an amount or a flag of their own."""
    if table.entity not in WRITABLE:
        return frozenset()
    return frozenset(c.lower() for c in table.columns if c not in COMPUTED and c not in table.dates)


def as_of_2011(table: Table, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Fields by schema name, which is case-sensitive there; money is an object with a text. [facts: section 2.1]"""
    names = {c.lower(): c for c in table.columns}
    return {
        names[name]: {"Value": None if value is None else str(value)}
        if names[name] in MONEY
        else _plain(value)
        for name, value in fields.items()
    }


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Decimal) else value
