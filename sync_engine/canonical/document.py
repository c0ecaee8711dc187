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
    Field("source_url"),
    Field("document_url"),
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
PAYMENT = (
    Field("debtor_key", column="debtor_id"),
    Field("kind"),
    Field("number", column="external_no"),
    Field("payment_date", "date"),
    Field("currency"),
    Field("exchange_rate", "number"),
    Field("amount", "money"),
    Field("amount_base", "money"),
    Field("unapplied_amount", "money"),
    Field("method"),
    Field("reference"),
    Field("closed_date", "date"),
    Field("source_modified_at", "ts"),
    Field("source_url"),
)
"""Money of a source without a customer ledger. Amounts are positive, the kind gives the direction: a `refund` went to the debtor, every
other kind (payment, prepayment, write_off, journal) came from him. Where no unapplied amount is said, it is what no application used."""
APPLICATION = (
    Field("payment_key"),
    Field("credit_note_key"),
    Field("document_key"),
    Field("refund_key"),
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
"""What was used, and what it settled. By source keys: a payment or a credit note, and a document or a refund. Or by ledger entries:
`from_entry` and `to_entry`. A `deduction` (payment discount, tolerance, rounding) settles an entry
without money: it has no `from_entry`.

Ledger amounts are signed as the ERP signs them: what the debtor owes is positive, what he paid or was credited negative."""
