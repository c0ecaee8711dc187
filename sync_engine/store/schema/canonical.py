"""The tables of schema `canonical`: the public contract other applications read, changed only by migration."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    Float,
    ForeignKey,
    Identity,
    Index,
    Integer,
    Numeric,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from sync_engine.store.schema.descriptions import TABLES, meaning
from sync_engine.store.schema.engine import NOW, TS, metadata
from sync_engine.store.schema.envelope import CANONICAL, ID, MONEY, RATE, envelope, single
from sync_engine.store.schema.receivables import application, document, instalment, payment

company = single(
    "company",
    Column("name", Text),
    Column("base_currency", Text),
    Column("country", Text),
    Column("registration_no", Text),
    Column("vat_no", Text),
)
account_owner = single(
    "account_owner",
    Column("name", Text),
    Column("email", Text),
    Column("number", Text),
    Column("external_number", Text),
)
reference = single(
    "reference",
    Column("kind", Text, nullable=False),
    Column("code", Text),
    Column("name", Text),
    Column("attributes", JSONB),
)
dimension = single("dimension", Column("code", Text), Column("name", Text), Column("kind", Text))
dimension_value = single(
    "dimension_value",
    Column("dimension_id", ID),
    Column("code", Text),
    Column("name", Text),
    Column("parent_id", ID),
    Column("blocked", Boolean),
    Column("is_heading", Boolean),
)
portfolio = Table(
    "portfolio",
    metadata,
    *envelope(single_source=False),
    Column("source", Text),
    Column("name", Text, nullable=False),
    Column("code", Text),
    Column("dimension_value_id", ID),
    Column("archived_at", TS),
    schema=CANONICAL,
)
Index("uq_portfolio_value", portfolio.c.dimension_value_id, unique=True)
debtor_group = Table(
    "debtor_group",
    metadata,
    *envelope(single_source=False),
    Column("name", Text, nullable=False),
    Column("top_debtor_id", ID),
    Column("credit_limit", MONEY),
    schema=CANONICAL,
)
debtor = Table(
    "debtor",
    metadata,
    *envelope(single_source=False),
    Column("company_id", ID),
    Column("number", Text),
    Column("external_number", Text),
    Column("name", Text),
    Column("kind", Text),
    Column("status", Text),
    Column("block_reason", Text),
    Column("currency", Text),
    Column("vat_no", Text),
    Column("registration_no", Text),
    Column("language", Text),
    Column("email", Text),
    Column("phone", Text),
    Column("website", Text),
    Column("address_line1", Text),
    Column("address_line2", Text),
    Column("city", Text),
    Column("region", Text),
    Column("postcode", Text),
    Column("country", Text),
    Column("payment_terms", Text),
    Column("credit_limit", MONEY),
    Column("credit_alert_pct", Numeric(9, 4)),
    Column("parent_id", ID),
    Column("ultimate_parent_id", ID),
    Column("group_id", ID),
    Column("portfolio_id", ID),
    Column("owner_id", ID),
    Column("chasing_paused", Boolean),
    Column("pause_reason", Text),
    Column("pause_until", Date),
    Column("is_intercompany", Boolean),
    Column("excluded", Boolean, nullable=False, server_default="false"),
    Column("erp_balance", MONEY),
    Column("erp_balance_unknown", Integer, nullable=False, server_default="0"),
    Column("provenance", JSONB, nullable=False),
    Column("merged_into", ID),
    schema=CANONICAL,
)
"""`erp_balance` is the sum of what the linked ERP records state; of several, `erp_balance_unknown` state none that could be added."""
Index("ix_debtor_merged", debtor.c.id, postgresql_where=debtor.c.merged_into.is_not(None))
Index("ix_debtor_number", debtor.c.number)
Index("ix_debtor_portfolio_id", debtor.c.portfolio_id)
debtor_dimension = single(
    "debtor_dimension",
    Column("debtor_id", ID, index=True),
    Column("debtor_key", Text),
    Column("dimension_id", ID),
    Column("dimension_value_id", ID),
)
address = single(
    "address",
    Column("debtor_id", ID, index=True),
    Column("debtor_key", Text),
    Column("kind", Text),
    Column("address_line1", Text),
    Column("address_line2", Text),
    Column("city", Text),
    Column("region", Text),
    Column("postcode", Text),
    Column("country", Text),
    Column("is_default", Boolean),
)
contact_position = Table(
    "contact_position",
    metadata,
    Column("id", ID, primary_key=True),
    Column("name", Text, nullable=False),
    Column("name_key", Text, nullable=False, unique=True),
    Column("origin", Text, nullable=False),
    Column("first_seen_at", TS, nullable=False, server_default=NOW),
    schema=CANONICAL,
)
contact = Table(
    "contact",
    metadata,
    *envelope(single_source=False),
    Column("debtor_id", ID, index=True),
    Column("number", Text),
    Column("first_name", Text),
    Column("last_name", Text),
    Column("full_name", Text),
    Column("email", Text),
    Column("email_normalised", Text),
    Column("phone", Text),
    Column("mobile", Text),
    Column("title", Text),
    Column("position_id", ID),
    Column("is_primary", Boolean),
    Column("status", Text),
    Column("language", Text),
    Column("privacy_blocked", Boolean),
    Column("origin_field", Text),
    Column("provenance", JSONB, nullable=False),
    Column("merged_into", ID),
    schema=CANONICAL,
)
Index("ix_contact_email_normalised", contact.c.email_normalised)
Index("ix_contact_merged", contact.c.id, postgresql_where=contact.c.merged_into.is_not(None))
fx_rate = single(
    "fx_rate",
    Column("from_currency", Text),
    Column("to_currency", Text),
    Column("rate_date", Date),
    Column("rate", RATE),
    Column("basis", Text),
)
attachment = single(
    "attachment",
    Column("owner_table", Text),
    Column("owner_id", ID, index=True),
    Column("debtor_key", Text),
    Column("name", Text),
    Column("kind", Text),
    Column("size", BigInteger),
    Column("hash", Text),
    Column("erp_ref", Text),
    Column("visible_to_debtor", Boolean),
)
for _belonging in (debtor_dimension, address, attachment):
    Index(f"ix_{_belonging.name}_key", _belonging.c.source, _belonging.c.debtor_key)
tag = Table(
    "tag",
    metadata,
    Column("owner_table", Text, primary_key=True),
    Column("owner_id", ID, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("origin", Text, primary_key=True),
    Column("first_seen_at", TS, nullable=False, server_default=NOW),
    schema=CANONICAL,
)
activity = single(
    "activity",
    Column("debtor_id", ID, index=True),
    Column("debtor_key", Text),
    Column("kind", Text),
    Column("at", TS),
    Column("author", Text),
    Column("text", Text),
)
Index("ix_activity_key", activity.c.source, activity.c.debtor_key)
link = Table(
    "link",
    metadata,
    Column("entity", Text, primary_key=True),
    Column("source", Text, primary_key=True),
    Column("external_id", Text, primary_key=True),
    Column("canonical_id", ID, nullable=False, index=True),
    Column("method", Text, nullable=False),
    Column("rule", Text),
    Column("confidence", Float),
    Column("evidence", JSONB),
    Column("decided_by", Text),
    Column("decided_at", TS, nullable=False, server_default=NOW),
    Column("pinned", Boolean, nullable=False, server_default="false"),
    schema=CANONICAL,
)
"""Who is who: this key of this source means this canonical record. One external record has one canonical record."""
overruled = Table(
    "overruled",
    metadata,
    Column("entity", Text, primary_key=True),
    Column("record_id", ID, primary_key=True),
    Column("field", Text, primary_key=True),
    Column("source", Text, primary_key=True),
    Column("external_id", Text, primary_key=True),
    Column("said", JSONB),
    Column("believed", JSONB),
    Column("believed_source", Text),
    Column("since", TS, nullable=False, server_default=NOW),
    schema=CANONICAL,
)
"""A linked source said something else and was not believed; written when the record is folded, so reading it costs nothing."""
change = Table(
    "change",
    metadata,
    Column("seq", BigInteger, Identity(), primary_key=True),
    Column("at", TS, nullable=False, server_default=NOW),
    Column("entity", Text, nullable=False),
    Column("record_id", ID, nullable=False),
    Column("op", Text, nullable=False),
    Column("field", Text),
    Column("old", JSONB),
    Column("new", JSONB),
    Column("actor_kind", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("run_id", ID),
    Column("cut_id", BigInteger),
    Column("reason", Text),
    Column("login", Text),
    schema=CANONICAL,
)
Index("ix_change_record", change.c.record_id)
cut = Table(
    "cut",
    metadata,
    Column("cut_id", BigInteger, Identity(), primary_key=True),
    Column("source", Text, nullable=False, index=True),
    Column("run_id", ID, nullable=False),
    Column("as_of", TS, nullable=False),
    Column("ledger_date", Date, nullable=False),
    Column("published_at", TS, nullable=False, server_default=NOW),
    Column("policy", Text),
    Column("mapping_version", Text),
    Column("counts", JSONB, nullable=False),
    Column("grade", Text, comment="Grade of the cut: A, B, C or D; null: not certified."),
    Column("n_checks", Integer, comment="Checks of its certificate that some source could answer."),
    Column("n_answered", Integer, comment="How many of these this source answered."),
    Column(
        "money_tied",
        Boolean,
        comment="Whether what is open agrees with totals that the source states itself; null: the source claims no money.",
    ),
    schema=CANONICAL,
)
"""grade and what stands beside it are written when the cut is certified."""
certificate = Table(
    "certificate",
    metadata,
    Column("cut_id", BigInteger, ForeignKey("canonical.cut.cut_id"), primary_key=True),
    Column("check", Text, primary_key=True),
    Column("title", Text, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("source_value", Text),
    Column("canonical_value", Text),
    Column("difference", Text),
    Column("detail", JSONB),
    schema=CANONICAL,
)
"""verdict: holds, breaks, not_answerable (this source states no such figure). The grade stands on the cut."""
ageing_bucket = Table(
    "ageing_bucket",
    metadata,
    Column("position", Integer, primary_key=True),
    Column("label", Text, nullable=False, unique=True),
    Column("from_day", Integer),
    Column("to_day", Integer),
    schema=CANONICAL,
)
claim_inbox = Table(
    "claim_inbox",
    metadata,
    Column("inbox_id", BigInteger, Identity(), primary_key=True),
    Column("entity", Text, nullable=False),
    Column("record_id", ID, nullable=False),
    Column("field", Text, nullable=False),
    Column("value", JSONB),
    Column("said_by", Text, nullable=False),
    Column("said_at", TS, nullable=False, server_default=NOW),
    Column("answered_at", TS),
    Column("answer", Text),
    Column("why", Text),
    Column("login", Text, server_default=text("session_user")),
    schema=CANONICAL,
)
Index("ix_claim_inbox_waiting", claim_inbox.c.inbox_id, postgresql_where=claim_inbox.c.answered_at.is_(None))

COMMENTS = {
    (instalment, ""): (
        "What a document asks for on a day. Every document has number 1; a ledger or a mapping that splits "
        "it gives more. Signs, currency and debtor are the document's. Created with its document, whose "
        "create the change feed tells; later ones and every change have rows of their own."
    ),
    (instalment, "number"): "From 1, in the order of the ledger's entries.",
    (instalment, "amount"): (
        "What was asked for, in document currency. The instalments of a document are its total less its "
        "ledger_difference."
    ),
    (
        instalment,
        "open_amount",
    ): "As of the cut; null where it is not told. The instalments of a document add up to its open_amount.",
    (
        instalment,
        "entry",
    ): "The ledger entry, as application.from_entry and to_entry name it; null where there is no ledger.",
    (instalment, "is_only"): "The only instalment of its document.",
    (instalment, "why_inexact"): "Why open_amount is not exactly known; null when it is.",
    (
        instalment,
        "promised_date",
    ): "Promised for this instalment: by its own ledger entry, or for the whole document.",
    (document, "ledger_difference"): (
        "total less what the ledger entries of the document came to: tax withheld, a discount at posting, "
        "rounding. Nobody owes it and nobody paid it; 0 when they agree, null where no entry tells."
    ),
    (
        document,
        "is_open_derived",
    ): "True where the source states no open amount: open_amount is then the total less what was applied.",
    (
        payment,
        "is_unapplied_derived",
    ): "True where the source states no unapplied amount: it is then the amount less what was applied.",
    (document, "due_date"): "The earliest due date of its instalments, where a ledger tells them.",
    (application, "from_entry"): "The ledger entry it takes from; null where it is not told.",
    (
        application,
        "to_entry",
    ): "The ledger entry (canonical.instalment.entry) it settles; null where it is not told.",
}
"""What a reader is told in the database itself, beside the comments of the views; the empty name is the table."""
for (_table, _name), _said in COMMENTS.items():
    if _name:
        _table.c[_name].comment = _said
    else:
        _table.comment = _said
for _table in [t for t in metadata.tables.values() if t.schema == CANONICAL]:
    _table.comment = _table.comment or TABLES[_table.name]
    for _column in _table.columns:
        _column.comment = _column.comment or meaning(_table.name, _column.name)
