"""Documents, ledger entries, applications and payments: what is owed, what settled it. One master source each."""

from __future__ import annotations

from sync_engine.canonical.fields import Field

DOCUMENT = (
    Field("debtor_key", column="debtor_id"),
    Field("kind"),
    Field("number", column="external_no"),
    Field("issue_date", "date"),
    Field("posting_date", "date"),
    Field("due_date", "date"),
    Field("currency"),
    Field("exchange_rate", "number"),
    Field("subtotal", "money"),
    Field("tax", "money"),
    Field("total", "money"),
    Field("open_amount", "money"),
    Field("erp_status"),
    Field("is_posted", "bool"),
    Field("dispute_reason"),
    Field("promised_date", "date"),
    Field("closed_date", "date"),
    Field("po_number"),
    Field("reference"),
    Field("owner_code", column="owner_id"),
    Field("terms_key", column="terms"),
    Field("source_modified_at", "ts"),
    Field("custom", "json"),
)
DOCUMENT_LINE = (
    Field("line_key", column="external_id"),
    Field("line_no", "int"),
    Field("description"),
    Field("item"),
    Field("quantity", "number"),
    Field("unit"),
    Field("unit_price", "number"),
    Field("discount_pct", "number"),
    Field("net", "money"),
    Field("tax", "money"),
    Field("gross", "money"),
)
LEDGER_ENTRY = (
    Field("entry_no"),
    Field("document_type"),
    Field("document_no"),
    Field("debtor_key"),
    Field("debtor_number"),
    Field("posting_date", "date"),
    Field("document_date", "date"),
    Field("due_date", "date"),
    Field("currency"),
    Field("amount", "money"),
    Field("amount_base", "money"),
    Field("remaining", "money"),
    Field("remaining_base", "money"),
    Field("is_open", "bool"),
    Field("closed_date", "date"),
    Field("external_no"),
    Field("description"),
    Field("reversed", "bool"),
    Field("dispute_reason"),
    Field("promised_date", "date"),
    Field("method"),
    Field("source_modified_at", "ts"),
)
APPLICATION = (
    Field("from_entry"),
    Field("to_entry"),
    Field("deduction"),
    Field("amount", "money"),
    Field("amount_base", "money"),
    Field("currency"),
    Field("applied_on", "date"),
    Field("is_reversed", "bool"),
    Field("reversed_on", "date"),
)
"""A `deduction` (payment discount, tolerance, rounding) settles an entry without money: it has no `from_entry`.

Ledger amounts are signed as the ERP signs them: what the debtor owes is positive, what he paid or was credited negative."""
