"""What people mean by what they type: a canonical record, a source record, a source, a field."""

from __future__ import annotations

from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, Literal, cast

from sqlalchemy import Connection

from sync_engine.canonical.by_hand import MEMBER
from sync_engine.canonical.contact import CONTACT
from sync_engine.canonical.debtor import DEBTOR
from sync_engine.canonical.fields import Field
from sync_engine.errors import AmbiguousMatch, ConfigurationError
from sync_engine.ownership.resolve import INBOX
from sync_engine.store.landing.sources import roles
from sync_engine.store.queries import evidence, lookups

FIELDS: dict[str, tuple[Field, ...]] = {"debtor": DEBTOR, "contact": CONTACT}


def record_id(connection: Connection, entity: str, named: str) -> str:
    """The canonical record somebody means by id, number, a source's id or exact name; of a merged one, the record it was merged into."""
    found = evidence.find(connection, cast("Any", entity), named)
    living = [f for f in found if not f.is_deleted] or found
    if not living:
        raise ConfigurationError(
            f"there is no {entity} of this number, name or id",
            key=named,
            todo="Numbers are compared as they are written, leading zeros too.",
        )
    if len(living) > 1:
        raise AmbiguousMatch(
            whose=entity,
            key=named,
            rung="what you typed",
            candidates=[f"{f.number or entity} ({f.id})" for f in living],
        )
    return survivor(connection, entity, str(living[0].id))


def survivor(connection: Connection, entity: str, canonical: str) -> str:
    """The record one was merged into, or itself."""
    for _ in range(100):
        if (into := lookups.merged_into(connection, entity, canonical)) is None:
            break
        canonical = into
    return canonical


def is_known(connection: Connection, source: str) -> None:
    """Raises ConfigurationError for a source that was never pulled."""
    if source not in (known := roles(connection)):
        raise ConfigurationError(
            f"nothing of a source {source!r} was pulled yet",
            todo=f"Known: {', '.join(n for n in sorted(known) if n != INBOX) or 'none'}. Run it first.",
        )


def exists(connection: Connection, entity: str, source: str, key: str) -> None:
    """Raises ConfigurationError unless the source has (or had) this record and it can be used."""
    is_known(connection, source)
    if not lookups.record_exists(connection, entity, source, key):
        raise ConfigurationError(
            f"there is no {entity} of this id that could be linked",
            whose=source,
            key=key,
            todo="It is the record's id in its source, not its number; pull it first.",
        )


def field_named(entity: str, name: str) -> Field:
    """A field by its claim name or column, or a custom field as `custom.segment`. Raises ConfigurationError that lists the fields there are."""
    if MEMBER.fullmatch(name):
        return Field(name, group="custom")
    for known in FIELDS[entity]:
        if name in (
            known.name,
            known.stored_as,
            known.stored_as.removesuffix("_id"),
            known.name.removesuffix("_key"),
        ):
            return known
    raise ConfigurationError(
        f"a {entity} has no field {name!r}",
        todo=f"It has: {', '.join(sorted(f.stored_as for f in FIELDS[entity]))}; a custom field is named as custom.segment.",
    )


def somebody(who: str) -> str:
    """Who decides. Raises ConfigurationError for nobody: the audit must be able to say it."""
    if not who.strip():
        raise ConfigurationError(
            "nobody is named who decides this", todo="Give a name; it is kept with the change."
        )
    return who.strip()


def day(text: str) -> date:
    """A business date. Raises ConfigurationError."""
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise ConfigurationError(f"{text!r} is no date", todo="Write it as 2026-12-31.") from None


def amount(text: str) -> Decimal:
    """An amount of money. Raises ConfigurationError."""
    try:
        found = Decimal(text.strip())
    except InvalidOperation:
        found = Decimal("NaN")
    if not found.is_finite():
        raise ConfigurationError(f"{text!r} is no amount", todo="Write it as 25000 or 25000.50.")
    return found


def limit(text: str | None) -> Decimal | Literal["none"] | None:
    """A limit: an amount, `none` for no limit, None where nothing is said. Raises ConfigurationError."""
    if text is None:
        return None
    return "none" if text.strip() == "none" else amount(text)
