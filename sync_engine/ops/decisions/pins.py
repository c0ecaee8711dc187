"""Values people pin: what may be pinned to a field, as the store holds it, and what the sources say while it is pinned."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from sync_engine.canonical.by_hand import Unfit, checked
from sync_engine.canonical.fields import Field
from sync_engine.errors import ConfigurationError
from sync_engine.ownership.resolve import Watched, claimed_by_all
from sync_engine.store.publishing.fold import claims_now
from sync_engine.store.queries.lookups import named_reference, other_of_number

COMPUTED = frozenset(("portfolio_key", "parent_key"))
NAMED_BY = {
    "payment_terms": "code", "parent_id": "number or id", "debtor_id": "number or id", "owner_id": "e-mail, number, name or id",
    "portfolio_id": "code, name or id",
}  # fmt: skip
"""What a record that a field refers to is called by."""
NOT_BY_HAND = frozenset(("erp_balance",))
"""What only the ERP can say: a control is no control once a person has set it."""
NUMBERS = frozenset(("number", "external_number"))
NEEDED = frozenset(("number", "name"))
"""What a debtor is found and called by."""


def claimed_now(connection: Connection, entity: str, record: str, field: Field) -> Watched:
    """What each linked record says about a field: what a pin `until the source changes` watches. Raises ConfigurationError."""
    if field.name in COMPUTED:
        raise ConfigurationError(
            f"{field.stored_as} is computed, no source says it",
            whose=entity,
            todo="Pin it until a date, or until you unpin it.",
        )
    return claimed_by_all(claims_now(connection, entity, record), field.name)


def pinned_value(connection: Connection, entity: str, record: str, field: Field, value: Any) -> Any:
    """A value as claims carry it; a reference becomes the canonical id (payment terms: the code). Raises ConfigurationError."""
    if field.name in NOT_BY_HAND:
        raise ConfigurationError(
            f"{field.stored_as} is what the ERP states, it cannot be pinned", whose=entity
        )
    if value is None and not (entity == "debtor" and field.name in NEEDED):
        return None
    try:
        typed = checked(entity, field.name, value)
    except Unfit as why:
        raise ConfigurationError(
            f"{value!r} cannot be pinned: {why}",
            whose=entity,
            key=field.stored_as,
            todo="Give one, or none to empty it.",
        ) from None
    if typed is not None and field.column and field.name != "position":
        found = named_reference(connection, field.column, str(typed))
        if found is None:
            raise ConfigurationError(
                f"there is no {field.column.removesuffix('_id')} {value!r}",
                whose=entity,
                key=field.stored_as,
                todo=f"Name exactly one by {NAMED_BY[field.column]}; what fits several is not guessed.",
            )
        return found
    if typed is None and entity == "debtor" and field.name in NEEDED:
        raise ConfigurationError(
            "it cannot be emptied: a debtor is found and called by it",
            whose=entity,
            key=field.stored_as,
            todo="Give another one, or unpin it, so that the sources decide.",
        )
    if (
        field.name in NUMBERS
        and entity == "debtor"
        and typed is not None
        and (other := other_of_number(connection, record, field.name, typed))
    ):
        raise ConfigurationError(
            f"{typed} is the {field.name.replace('_', ' ')} of {other}",
            whose=entity,
            key=field.name,
            todo="A number names one debtor of a company. Give another one, or merge the two if they are one.",
        )
    return typed
