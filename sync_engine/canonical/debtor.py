"""The debtor: a customer that owes money to one company. Its fields, by ownership group."""

from __future__ import annotations

from sync_engine.canonical.fields import Field

DEBTOR: tuple[Field, ...] = (
    Field("number", group="identity"),
    Field("external_number", group="identity"),
    Field("name"),
    Field("kind"),
    Field("status"),
    Field("block_reason"),
    Field("currency"),
    Field("vat_no"),
    Field("registration_no"),
    Field("language"),
    Field("email", group="general"),
    Field("phone"),
    Field("website"),
    Field("address_line1", group="billing_address"),
    Field("address_line2", group="billing_address"),
    Field("city", group="billing_address"),
    Field("region", group="billing_address"),
    Field("postcode", group="billing_address"),
    Field("country", group="billing_address"),
    Field("payment_terms_key", group="credit", column="payment_terms"),
    Field("credit_limit", "money", "credit"),
    Field("erp_balance", "money", "credit", is_summed=True),
    Field("credit_alert_pct", "number", "chasing"),
    Field("chasing_paused", "bool", "chasing"),
    Field("pause_reason", "text", "chasing"),
    Field("pause_until", "date", "chasing"),
    Field("parent_key", group="classification", column="parent_id"),
    Field("owner_code", group="classification", column="owner_id"),
    Field("portfolio_key", group="classification", column="portfolio_id"),
    Field("is_intercompany", "bool", "classification"),
    Field("custom", "json", "custom"),
)
"""`payment_terms_key` and `parent_key` are external ids of the same source, `owner_code` an account owner's number,
`portfolio_key` the external id of a value of the source's chosen dimension (derived from the debtor's dimensions).

A claim may also carry `memberships`: what the debtor's own record says about the groups it is in, as an object from a dimension's
external id to the external id of the value, null where it is in none. Each becomes a `debtor_dimension`."""
