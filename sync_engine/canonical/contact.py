"""The contact: a person or mailbox of a debtor. Its identity is the source key, so the same e-mail may occur twice."""

from __future__ import annotations

from sync_engine.canonical.fields import Field

CONTACT: tuple[Field, ...] = (
    Field("debtor_key", group="contact", column="debtor_id"),
    Field("number", group="contact"),
    Field("first_name", group="contact"),
    Field("last_name", group="contact"),
    Field("full_name", group="contact"),
    Field("email", group="contact"),
    Field("phone", group="contact"),
    Field("mobile", group="contact"),
    Field("title", group="contact"),
    Field("position", group="contact", column="position_id"),
    Field("is_primary", "bool", "contact"),
    Field("status", group="contact"),
    Field("language", group="contact"),
    Field("privacy_blocked", "bool", "contact"),
    Field("origin_field", group="contact"),
    Field("custom", "json", "custom"),
)
"""`debtor_key` is the external id of the debtor in the same source; a contact that names only a `company_number` finds its
debtor through a colleague of the same company (Business Central names the company *contact* there, not the customer)."""


def email_normalised(email: str | None) -> str | None:
    """Trimmed and case-folded: what contacts are compared by, never what is displayed."""
    return email.strip().casefold() if email and email.strip() else None
