"""What a person may declare without a product's mapping: which entities a table can speak about, and with which fields."""

from __future__ import annotations

import re
from typing import NamedTuple

from sync_engine.canonical.belongings import ACTIVITY, ADDRESS, ATTACHMENT
from sync_engine.canonical.contact import CONTACT
from sync_engine.canonical.debtor import DEBTOR
from sync_engine.canonical.dimension import (
    ACCOUNT_OWNER,
    COMPANY,
    DEBTOR_DIMENSION,
    DIMENSION,
    DIMENSION_VALUE,
    REFERENCE,
)
from sync_engine.canonical.document import APPLICATION, DOCUMENT, LEDGER_ENTRY, PAYMENT
from sync_engine.canonical.fields import Field

_SPACES = re.compile(r"[\s_.\-]+")
MODIFIED = Field("source_modified_at", "ts")


class Speakable(NamedTuple):
    """A canonical entity, the family people think in, and the fields a declared mapping may fill; parents come first."""

    entity: str
    family: str
    fields: tuple[Field, ...]


def _said(fields: tuple[Field, ...], *left_out: str) -> tuple[Field, ...]:
    kept = tuple(f for f in fields if f.name not in ("custom", *left_out))
    return kept if any(f.name == MODIFIED.name for f in kept) else (*kept, MODIFIED)


SPEAKABLE: dict[str, Speakable] = {
    s.entity: s
    for s in (
        Speakable("company", "debtors", COMPANY),
        Speakable("account_owner", "debtors", ACCOUNT_OWNER),
        Speakable("reference", "debtors", _said(REFERENCE, "attributes", MODIFIED.name)[:-1]),
        Speakable("dimension", "dimensions", DIMENSION),
        Speakable("dimension_value", "dimensions", DIMENSION_VALUE),
        Speakable("debtor", "debtors", _said(DEBTOR, "portfolio_key")),
        Speakable("debtor_dimension", "debtors", DEBTOR_DIMENSION),
        Speakable("address", "debtors", _said(ADDRESS)),
        Speakable("activity", "debtors", _said(ACTIVITY)),
        Speakable("contact", "contacts", _said(CONTACT)),
        Speakable("document", "documents", _said(DOCUMENT)),
        Speakable("ledger_entry", "payments", LEDGER_ENTRY),
        Speakable("payment", "payments", PAYMENT),
        Speakable("application", "payments", APPLICATION),
        Speakable("attachment", "documents", _said(ATTACHMENT)),
    )
}
"""`portfolio_key` is derived and cannot be said."""


def spoken_of(name: str) -> Speakable | None:
    """What a table called `debtor` or `document_credit_notes` speaks about: a canonical entity, if need be with a word behind it."""
    fitting = [s for s in SPEAKABLE.values() if name == s.entity or name.startswith(f"{s.entity}_")]
    return max(fitting, key=lambda s: len(s.entity), default=None)


def place_of(name: str) -> int:
    """Where an entity stands among the others: parents before children."""
    found = spoken_of(name)
    return list(SPEAKABLE).index(found.entity) if found else len(SPEAKABLE)


def heading(given: object) -> object:
    """A column name out of a YAML, where `No`, `On` and `2026` are not text unless quoted. Raises ValueError that says so."""
    if isinstance(given, bool):
        raise ValueError("YAML reads No, Yes, On and Off as true or false; put it in quotes")
    return str(given) if isinstance(given, int | float) else given


def column_identity(name: str) -> str:
    """Two column headings are the same when this is: case, blanks, underscores, hyphens and dots do not count."""
    return _SPACES.sub(" ", name).strip().casefold()
