"""Dimensions, their values, and the small code lists of a source: one master each, so they are stored as claimed."""

from __future__ import annotations

from sync_engine.canonical.fields import Field

COMPANY = (Field("name"), Field("base_currency"), Field("country"), Field("registration_no"), Field("vat_no"))
DIMENSION = (Field("code"), Field("name"), Field("kind"))
DIMENSION_VALUE = (
    Field("dimension_key", column="dimension_id"),
    Field("code"),
    Field("name"),
    Field("parent_key", column="parent_id"),
    Field("blocked", "bool"),
    Field("is_heading", "bool"),
)
DEBTOR_DIMENSION = (
    Field("debtor_key", column="debtor_id"),
    Field("dimension_key", column="dimension_id"),
    Field("dimension_value_key", column="dimension_value_id"),
)
ACCOUNT_OWNER = (Field("name"), Field("email"), Field("number"), Field("external_number"))
REFERENCE = (Field("kind"), Field("code"), Field("name"), Field("attributes", "json"))
