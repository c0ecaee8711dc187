"""What belongs to a debtor or a document and has one master: further addresses, activities, files. Stored as claimed."""

from __future__ import annotations

from sync_engine.canonical.fields import Field

ADDRESS = (
    Field("debtor_key", column="debtor_id"),
    Field("kind"),
    Field("address_line1"),
    Field("address_line2"),
    Field("city"),
    Field("region"),
    Field("postcode"),
    Field("country"),
    Field("is_default", "bool"),
)
"""The billing address stands on the debtor itself; these are the others: `kind` is billing, delivery or pickup."""
ACTIVITY = (
    Field("debtor_key", column="debtor_id"),
    Field("kind"),
    Field("at", "ts"),
    Field("author"),
    Field("text"),
)
"""Journal entries, calls, complaints, orders, statistics: what a CRM or an ERP hands over about a debtor."""
ATTACHMENT = (
    Field("debtor_key", column="owner_id"),
    Field("document_key", column="owner_id"),
    Field("payment_key", column="owner_id"),
    Field("name"),
    Field("kind"),
    Field("size", "int"),
    Field("hash"),
    Field("erp_ref"),
    Field("visible_to_debtor", "bool"),
)
"""One of the keys says whose file it is: a document's, a payment's, else a debtor's. `size` is in bytes, `erp_ref` finds the content in the source."""
