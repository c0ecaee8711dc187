"""Tables of what is owed and paid: documents with instalments and lines, payments and what they settle."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    Date,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from sync_engine.store.schema.engine import metadata
from sync_engine.store.schema.envelope import CANONICAL, ID, MONEY, RATE, envelope, single

document = Table(
    "document",
    metadata,
    *envelope(),
    Column("debtor_id", ID),
    Column("debtor_key", Text),
    Column("kind", Text, nullable=False),
    Column("issue_date", Date),
    Column("posting_date", Date),
    Column("due_date", Date),
    Column("currency", Text),
    Column("exchange_rate", RATE),
    Column("subtotal", MONEY),
    Column("tax", MONEY),
    Column("total", MONEY),
    Column("open_amount", MONEY),
    Column("subtotal_base", MONEY),
    Column("tax_base", MONEY),
    Column("total_base", MONEY),
    Column("open_amount_base", MONEY),
    Column("erp_status", Text),
    Column("collection_status", Text, nullable=False, server_default="none"),
    Column("dispute_reason", Text),
    Column("promised_date", Date),
    Column("closed_date", Date),
    Column("po_number", Text),
    Column("reference", Text),
    Column("owner_id", ID),
    Column("terms", Text),
    Column("document_url", Text),
    Column("entry_no", Text),
    Column("ledger_difference", MONEY),
    Column("is_open_derived", Boolean),
    schema=CANONICAL,
)
Index("ix_document_debtor_id", document.c.debtor_id)
Index("ix_document_differing", document.c.source, postgresql_where=text("ledger_difference <> 0"))
Index("ix_document_number", document.c.source, document.c.external_no)


instalment = Table(
    "instalment",
    metadata,
    *envelope(),
    Column("document_id", ID, nullable=False),
    Column("number", Integer, nullable=False),
    Column("due_date", Date),
    Column("amount", MONEY),
    Column("open_amount", MONEY),
    Column("amount_base", MONEY),
    Column("open_amount_base", MONEY),
    Column("promised_date", Date),
    Column("closed_date", Date),
    Column("entry", Text),
    Column("is_only", Boolean, nullable=False, server_default="true"),
    Column("why_inexact", Text),
    UniqueConstraint("document_id", "number"),
    schema=CANONICAL,
)
"""What a document asks for on a day: every document has one, and more where its ledger or its source splits it. Document and number
are its key, so it needs no other index; signs, currency and debtor are the document's."""
Index("ix_instalment_inexact", instalment.c.source, postgresql_where=instalment.c.why_inexact.is_not(None))


document_line = Table(
    "document_line",
    metadata,
    Column("document_id", ID, primary_key=True),
    Column("id", ID, primary_key=True),
    Column("external_id", Text),
    Column("line_no", Integer),
    Column("description", Text),
    Column("item", Text),
    Column("quantity", RATE),
    Column("unit", Text),
    Column("unit_price", RATE),
    Column("discount_pct", RATE),
    Column("net", MONEY),
    Column("tax", MONEY),
    Column("gross", MONEY),
    Column("dimension_values", JSONB),
    schema=CANONICAL,
)
"""Lines carry no envelope of their own: they live and change with their document. No foreign key on the bulk tables: the cut
writes parent and child in one transaction from one join, and check `every_document_has_its_debtor` watches."""


payment = single(
    "payment",
    Column("debtor_id", ID, index=True),
    Column("debtor_key", Text),
    Column("kind", Text, nullable=False),
    Column("payment_date", Date),
    Column("currency", Text),
    Column("exchange_rate", RATE),
    Column("amount", MONEY),
    Column("unapplied_amount", MONEY),
    Column("amount_base", MONEY),
    Column("unapplied_amount_base", MONEY),
    Column("method", Text),
    Column("reference", Text),
    Column("entry_no", Text),
    Column("closed_date", Date),
    Column("is_unapplied_derived", Boolean),
)


application = single(
    "application",
    Column("from_kind", Text, nullable=False),
    Column("from_id", ID, nullable=False),
    Column("to_kind", Text, nullable=False),
    Column("to_id", ID, nullable=False),
    Column("amount", MONEY),
    Column("amount_base", MONEY),
    Column("currency", Text),
    Column("applied_on", Date),
    Column("reversed_on", Date),
    Column("is_reversed", Boolean, nullable=False, server_default="false"),
    Column("from_entry", Text),
    Column("to_entry", Text),
)
"""`from_entry` and `to_entry` say which instalment (its `entry`) was used and settled, where the source tells it."""
Index(
    "ix_application_undated",
    application.c.source,
    postgresql_where=application.c.is_reversed & application.c.reversed_on.is_(None),
)
Index("ix_application_from", application.c.from_id)
Index("ix_application_to", application.c.to_id)
