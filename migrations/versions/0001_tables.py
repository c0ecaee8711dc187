"""The tables of both schemas, as first released."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0001"
down_revision: str | None = None
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    for schema in ("canonical", "engine", "staging"):
        op.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
    op.create_table(
        "account_owner",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("external_no", sa.Text(), nullable=True),
        sa.Column("source_url", sa.Text(), nullable=True),
        sa.Column("source_modified_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column(
            "first_seen_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "changed_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("cut_id", sa.BigInteger(), nullable=True),
        sa.Column("deleted_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("custom", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("number", sa.Text(), nullable=True),
        sa.Column("external_number", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account_owner")),
        sa.UniqueConstraint("source", "external_id", name=op.f("uq_account_owner_source_external_id")),
        schema="canonical",
    )
    op.create_table(
        "activity",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("external_no", sa.Text(), nullable=True),
        sa.Column("source_url", sa.Text(), nullable=True),
        sa.Column("source_modified_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column(
            "first_seen_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "changed_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("cut_id", sa.BigInteger(), nullable=True),
        sa.Column("deleted_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("custom", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("debtor_id", sa.UUID(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=True),
        sa.Column("at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("author", sa.Text(), nullable=True),
        sa.Column("text", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_activity")),
        sa.UniqueConstraint("source", "external_id", name=op.f("uq_activity_source_external_id")),
        schema="canonical",
    )
    op.create_index(
        op.f("ix_activity_debtor_id"), "activity", ["debtor_id"], unique=False, schema="canonical"
    )
    op.create_table(
        "address",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("external_no", sa.Text(), nullable=True),
        sa.Column("source_url", sa.Text(), nullable=True),
        sa.Column("source_modified_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column(
            "first_seen_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "changed_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("cut_id", sa.BigInteger(), nullable=True),
        sa.Column("deleted_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("custom", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("debtor_id", sa.UUID(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=True),
        sa.Column("address_line1", sa.Text(), nullable=True),
        sa.Column("address_line2", sa.Text(), nullable=True),
        sa.Column("city", sa.Text(), nullable=True),
        sa.Column("region", sa.Text(), nullable=True),
        sa.Column("postcode", sa.Text(), nullable=True),
        sa.Column("country", sa.Text(), nullable=True),
        sa.Column("is_default", sa.Boolean(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_address")),
        sa.UniqueConstraint("source", "external_id", name=op.f("uq_address_source_external_id")),
        schema="canonical",
    )
    op.create_index(op.f("ix_address_debtor_id"), "address", ["debtor_id"], unique=False, schema="canonical")
    op.create_table(
        "ageing_bucket",
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("from_day", sa.Integer(), nullable=True),
        sa.Column("to_day", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("position", name=op.f("pk_ageing_bucket")),
        sa.UniqueConstraint("label", name=op.f("uq_ageing_bucket_label")),
        schema="canonical",
    )
    op.create_table(
        "application",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("external_no", sa.Text(), nullable=True),
        sa.Column("source_url", sa.Text(), nullable=True),
        sa.Column("source_modified_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column(
            "first_seen_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "changed_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("cut_id", sa.BigInteger(), nullable=True),
        sa.Column("deleted_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("custom", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("from_kind", sa.Text(), nullable=False),
        sa.Column("from_id", sa.UUID(), nullable=False),
        sa.Column("to_kind", sa.Text(), nullable=False),
        sa.Column("to_id", sa.UUID(), nullable=False),
        sa.Column("amount", sa.Numeric(precision=19, scale=4), nullable=True),
        sa.Column("amount_base", sa.Numeric(precision=19, scale=4), nullable=True),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("applied_on", sa.Date(), nullable=True),
        sa.Column("reversed_on", sa.Date(), nullable=True),
        sa.Column("is_reversed", sa.Boolean(), server_default="false", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_application")),
        sa.UniqueConstraint("source", "external_id", name=op.f("uq_application_source_external_id")),
        schema="canonical",
    )
    op.create_index("ix_application_from", "application", ["from_id"], unique=False, schema="canonical")
    op.create_index("ix_application_to", "application", ["to_id"], unique=False, schema="canonical")
    op.create_table(
        "attachment",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("external_no", sa.Text(), nullable=True),
        sa.Column("source_url", sa.Text(), nullable=True),
        sa.Column("source_modified_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column(
            "first_seen_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "changed_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("cut_id", sa.BigInteger(), nullable=True),
        sa.Column("deleted_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("custom", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("owner_table", sa.Text(), nullable=True),
        sa.Column("owner_id", sa.UUID(), nullable=True),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("hash", sa.Text(), nullable=True),
        sa.Column("erp_ref", sa.Text(), nullable=True),
        sa.Column("visible_to_debtor", sa.Boolean(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attachment")),
        sa.UniqueConstraint("source", "external_id", name=op.f("uq_attachment_source_external_id")),
        schema="canonical",
    )
    op.create_table(
        "change",
        sa.Column("seq", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("entity", sa.Text(), nullable=False),
        sa.Column("record_id", sa.UUID(), nullable=False),
        sa.Column("op", sa.Text(), nullable=False),
        sa.Column("field", sa.Text(), nullable=True),
        sa.Column("old", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("new", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("actor_kind", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("run_id", sa.UUID(), nullable=True),
        sa.Column("cut_id", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_change")),
        schema="canonical",
    )
    op.create_index("ix_change_record", "change", ["record_id"], unique=False, schema="canonical")
    op.create_table(
        "claim_inbox",
        sa.Column("inbox_id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("entity", sa.Text(), nullable=False),
        sa.Column("record_id", sa.UUID(), nullable=False),
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("value", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("said_by", sa.Text(), nullable=False),
        sa.Column(
            "said_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("answered_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("why", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("inbox_id", name=op.f("pk_claim_inbox")),
        schema="canonical",
    )
    op.create_index(
        "ix_claim_inbox_waiting",
        "claim_inbox",
        ["inbox_id"],
        unique=False,
        schema="canonical",
        postgresql_where=sa.text("answered_at IS NULL"),
    )
    op.create_table(
        "company",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("external_no", sa.Text(), nullable=True),
        sa.Column("source_url", sa.Text(), nullable=True),
        sa.Column("source_modified_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column(
            "first_seen_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "changed_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("cut_id", sa.BigInteger(), nullable=True),
        sa.Column("deleted_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("custom", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("base_currency", sa.Text(), nullable=True),
        sa.Column("country", sa.Text(), nullable=True),
        sa.Column("registration_no", sa.Text(), nullable=True),
        sa.Column("vat_no", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_company")),
        sa.UniqueConstraint("source", "external_id", name=op.f("uq_company_source_external_id")),
        schema="canonical",
    )
    op.create_table(
        "contact",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("external_no", sa.Text(), nullable=True),
        sa.Column("source_url", sa.Text(), nullable=True),
        sa.Column("source_modified_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column(
            "first_seen_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "changed_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("cut_id", sa.BigInteger(), nullable=True),
        sa.Column("deleted_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("custom", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("debtor_id", sa.UUID(), nullable=True),
        sa.Column("number", sa.Text(), nullable=True),
        sa.Column("first_name", sa.Text(), nullable=True),
        sa.Column("last_name", sa.Text(), nullable=True),
        sa.Column("full_name", sa.Text(), nullable=True),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("email_normalised", sa.Text(), nullable=True),
        sa.Column("phone", sa.Text(), nullable=True),
        sa.Column("mobile", sa.Text(), nullable=True),
        sa.Column("title", sa.Text(), nullable=True),
        sa.Column("position_id", sa.UUID(), nullable=True),
        sa.Column("is_primary", sa.Boolean(), nullable=True),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("language", sa.Text(), nullable=True),
        sa.Column("privacy_blocked", sa.Boolean(), nullable=True),
        sa.Column("origin_field", sa.Text(), nullable=True),
        sa.Column("provenance", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("merged_into", sa.UUID(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact")),
        schema="canonical",
    )
    op.create_index(op.f("ix_contact_debtor_id"), "contact", ["debtor_id"], unique=False, schema="canonical")
    op.create_index(
        "ix_contact_email_normalised", "contact", ["email_normalised"], unique=False, schema="canonical"
    )
    op.create_table(
        "contact_position",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_key", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column(
            "first_seen_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact_position")),
        sa.UniqueConstraint("name_key", name=op.f("uq_contact_position_name_key")),
        schema="canonical",
    )
    op.create_table(
        "cut",
        sa.Column("cut_id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("run_id", sa.UUID(), nullable=False),
        sa.Column("as_of", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("ledger_date", sa.Date(), nullable=False),
        sa.Column(
            "published_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("policy", sa.Text(), nullable=True),
        sa.Column("mapping_version", sa.Text(), nullable=True),
        sa.Column("counts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("cut_id", name=op.f("pk_cut")),
        schema="canonical",
    )
    op.create_index(op.f("ix_cut_source"), "cut", ["source"], unique=False, schema="canonical")
    op.create_table(
        "debtor",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("external_no", sa.Text(), nullable=True),
        sa.Column("source_url", sa.Text(), nullable=True),
        sa.Column("source_modified_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column(
            "first_seen_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "changed_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("cut_id", sa.BigInteger(), nullable=True),
        sa.Column("deleted_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("custom", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("company_id", sa.UUID(), nullable=True),
        sa.Column("number", sa.Text(), nullable=True),
        sa.Column("external_number", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("block_reason", sa.Text(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("vat_no", sa.Text(), nullable=True),
        sa.Column("registration_no", sa.Text(), nullable=True),
        sa.Column("language", sa.Text(), nullable=True),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("phone", sa.Text(), nullable=True),
        sa.Column("website", sa.Text(), nullable=True),
        sa.Column("address_line1", sa.Text(), nullable=True),
        sa.Column("address_line2", sa.Text(), nullable=True),
        sa.Column("city", sa.Text(), nullable=True),
        sa.Column("region", sa.Text(), nullable=True),
        sa.Column("postcode", sa.Text(), nullable=True),
        sa.Column("country", sa.Text(), nullable=True),
        sa.Column("payment_terms", sa.Text(), nullable=True),
        sa.Column("credit_limit", sa.Numeric(precision=19, scale=4), nullable=True),
        sa.Column("credit_alert_pct", sa.Numeric(precision=9, scale=4), nullable=True),
        sa.Column("parent_id", sa.UUID(), nullable=True),
        sa.Column("ultimate_parent_id", sa.UUID(), nullable=True),
        sa.Column("group_id", sa.UUID(), nullable=True),
        sa.Column("portfolio_id", sa.UUID(), nullable=True),
        sa.Column("owner_id", sa.UUID(), nullable=True),
        sa.Column("chasing_paused", sa.Boolean(), nullable=True),
        sa.Column("pause_reason", sa.Text(), nullable=True),
        sa.Column("pause_until", sa.Date(), nullable=True),
        sa.Column("is_intercompany", sa.Boolean(), nullable=True),
        sa.Column("excluded", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("erp_balance", sa.Numeric(precision=19, scale=4), nullable=True),
        sa.Column("provenance", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("merged_into", sa.UUID(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_debtor")),
        schema="canonical",
    )
    op.create_index("ix_debtor_number", "debtor", ["number"], unique=False, schema="canonical")
    op.create_index("ix_debtor_portfolio_id", "debtor", ["portfolio_id"], unique=False, schema="canonical")
    op.create_table(
        "debtor_dimension",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("external_no", sa.Text(), nullable=True),
        sa.Column("source_url", sa.Text(), nullable=True),
        sa.Column("source_modified_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column(
            "first_seen_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "changed_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("cut_id", sa.BigInteger(), nullable=True),
        sa.Column("deleted_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("custom", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("debtor_id", sa.UUID(), nullable=True),
        sa.Column("dimension_id", sa.UUID(), nullable=True),
        sa.Column("dimension_value_id", sa.UUID(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_debtor_dimension")),
        sa.UniqueConstraint("source", "external_id", name=op.f("uq_debtor_dimension_source_external_id")),
        schema="canonical",
    )
    op.create_index(
        op.f("ix_debtor_dimension_debtor_id"),
        "debtor_dimension",
        ["debtor_id"],
        unique=False,
        schema="canonical",
    )
    op.create_table(
        "debtor_group",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("external_no", sa.Text(), nullable=True),
        sa.Column("source_url", sa.Text(), nullable=True),
        sa.Column("source_modified_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column(
            "first_seen_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "changed_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("cut_id", sa.BigInteger(), nullable=True),
        sa.Column("deleted_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("custom", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("top_debtor_id", sa.UUID(), nullable=True),
        sa.Column("credit_limit", sa.Numeric(precision=19, scale=4), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_debtor_group")),
        schema="canonical",
    )
    op.create_table(
        "dimension",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("external_no", sa.Text(), nullable=True),
        sa.Column("source_url", sa.Text(), nullable=True),
        sa.Column("source_modified_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column(
            "first_seen_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "changed_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("cut_id", sa.BigInteger(), nullable=True),
        sa.Column("deleted_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("custom", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dimension")),
        sa.UniqueConstraint("source", "external_id", name=op.f("uq_dimension_source_external_id")),
        schema="canonical",
    )
    op.create_table(
        "dimension_value",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("external_no", sa.Text(), nullable=True),
        sa.Column("source_url", sa.Text(), nullable=True),
        sa.Column("source_modified_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column(
            "first_seen_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "changed_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("cut_id", sa.BigInteger(), nullable=True),
        sa.Column("deleted_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("custom", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("dimension_id", sa.UUID(), nullable=True),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("parent_id", sa.UUID(), nullable=True),
        sa.Column("blocked", sa.Boolean(), nullable=True),
        sa.Column("is_heading", sa.Boolean(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dimension_value")),
        sa.UniqueConstraint("source", "external_id", name=op.f("uq_dimension_value_source_external_id")),
        schema="canonical",
    )
    op.create_table(
        "document",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("external_no", sa.Text(), nullable=True),
        sa.Column("source_url", sa.Text(), nullable=True),
        sa.Column("source_modified_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column(
            "first_seen_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "changed_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("cut_id", sa.BigInteger(), nullable=True),
        sa.Column("deleted_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("custom", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("debtor_id", sa.UUID(), nullable=True),
        sa.Column("debtor_key", sa.Text(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("issue_date", sa.Date(), nullable=True),
        sa.Column("posting_date", sa.Date(), nullable=True),
        sa.Column("due_date", sa.Date(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("exchange_rate", sa.Numeric(precision=28, scale=10), nullable=True),
        sa.Column("subtotal", sa.Numeric(precision=19, scale=4), nullable=True),
        sa.Column("tax", sa.Numeric(precision=19, scale=4), nullable=True),
        sa.Column("total", sa.Numeric(precision=19, scale=4), nullable=True),
        sa.Column("open_amount", sa.Numeric(precision=19, scale=4), nullable=True),
        sa.Column("subtotal_base", sa.Numeric(precision=19, scale=4), nullable=True),
        sa.Column("tax_base", sa.Numeric(precision=19, scale=4), nullable=True),
        sa.Column("total_base", sa.Numeric(precision=19, scale=4), nullable=True),
        sa.Column("open_amount_base", sa.Numeric(precision=19, scale=4), nullable=True),
        sa.Column("erp_status", sa.Text(), nullable=True),
        sa.Column("collection_status", sa.Text(), server_default="none", nullable=False),
        sa.Column("dispute_reason", sa.Text(), nullable=True),
        sa.Column("promised_date", sa.Date(), nullable=True),
        sa.Column("closed_date", sa.Date(), nullable=True),
        sa.Column("po_number", sa.Text(), nullable=True),
        sa.Column("reference", sa.Text(), nullable=True),
        sa.Column("owner_id", sa.UUID(), nullable=True),
        sa.Column("terms", sa.Text(), nullable=True),
        sa.Column("document_url", sa.Text(), nullable=True),
        sa.Column("entry_no", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_document")),
        schema="canonical",
    )
    op.create_index("ix_document_debtor_id", "document", ["debtor_id"], unique=False, schema="canonical")
    op.create_index(
        "ix_document_number", "document", ["source", "external_no"], unique=False, schema="canonical"
    )
    op.create_table(
        "document_line",
        sa.Column("document_id", sa.UUID(), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("line_no", sa.Integer(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("item", sa.Text(), nullable=True),
        sa.Column("quantity", sa.Numeric(precision=28, scale=10), nullable=True),
        sa.Column("unit", sa.Text(), nullable=True),
        sa.Column("unit_price", sa.Numeric(precision=28, scale=10), nullable=True),
        sa.Column("discount_pct", sa.Numeric(precision=28, scale=10), nullable=True),
        sa.Column("net", sa.Numeric(precision=19, scale=4), nullable=True),
        sa.Column("tax", sa.Numeric(precision=19, scale=4), nullable=True),
        sa.Column("gross", sa.Numeric(precision=19, scale=4), nullable=True),
        sa.Column("dimension_values", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.PrimaryKeyConstraint("document_id", "id", name=op.f("pk_document_line")),
        schema="canonical",
    )
    op.create_table(
        "fx_rate",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("external_no", sa.Text(), nullable=True),
        sa.Column("source_url", sa.Text(), nullable=True),
        sa.Column("source_modified_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column(
            "first_seen_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "changed_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("cut_id", sa.BigInteger(), nullable=True),
        sa.Column("deleted_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("custom", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("from_currency", sa.Text(), nullable=True),
        sa.Column("to_currency", sa.Text(), nullable=True),
        sa.Column("rate_date", sa.Date(), nullable=True),
        sa.Column("rate", sa.Numeric(precision=28, scale=10), nullable=True),
        sa.Column("basis", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fx_rate")),
        sa.UniqueConstraint("source", "external_id", name=op.f("uq_fx_rate_source_external_id")),
        schema="canonical",
    )
    op.create_table(
        "link",
        sa.Column("entity", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("canonical_id", sa.UUID(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=True),
        sa.Column("confidence", sa.Float(), nullable=True),
        sa.Column("evidence", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column(
            "decided_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("pinned", sa.Boolean(), server_default="false", nullable=False),
        sa.PrimaryKeyConstraint("entity", "source", "external_id", name=op.f("pk_link")),
        schema="canonical",
    )
    op.create_index(op.f("ix_link_canonical_id"), "link", ["canonical_id"], unique=False, schema="canonical")
    op.create_table(
        "overruled",
        sa.Column("entity", sa.Text(), nullable=False),
        sa.Column("record_id", sa.UUID(), nullable=False),
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("said", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("believed", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("believed_source", sa.Text(), nullable=True),
        sa.Column(
            "since", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint(
            "entity", "record_id", "field", "source", "external_id", name=op.f("pk_overruled")
        ),
        schema="canonical",
    )
    op.create_table(
        "payment",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("external_no", sa.Text(), nullable=True),
        sa.Column("source_url", sa.Text(), nullable=True),
        sa.Column("source_modified_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column(
            "first_seen_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "changed_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("cut_id", sa.BigInteger(), nullable=True),
        sa.Column("deleted_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("custom", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("debtor_id", sa.UUID(), nullable=True),
        sa.Column("debtor_key", sa.Text(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("payment_date", sa.Date(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("exchange_rate", sa.Numeric(precision=28, scale=10), nullable=True),
        sa.Column("amount", sa.Numeric(precision=19, scale=4), nullable=True),
        sa.Column("unapplied_amount", sa.Numeric(precision=19, scale=4), nullable=True),
        sa.Column("amount_base", sa.Numeric(precision=19, scale=4), nullable=True),
        sa.Column("unapplied_amount_base", sa.Numeric(precision=19, scale=4), nullable=True),
        sa.Column("method", sa.Text(), nullable=True),
        sa.Column("reference", sa.Text(), nullable=True),
        sa.Column("entry_no", sa.Text(), nullable=True),
        sa.Column("closed_date", sa.Date(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment")),
        sa.UniqueConstraint("source", "external_id", name=op.f("uq_payment_source_external_id")),
        schema="canonical",
    )
    op.create_index(op.f("ix_payment_debtor_id"), "payment", ["debtor_id"], unique=False, schema="canonical")
    op.create_table(
        "portfolio",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("external_no", sa.Text(), nullable=True),
        sa.Column("source_url", sa.Text(), nullable=True),
        sa.Column("source_modified_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column(
            "first_seen_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "changed_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("cut_id", sa.BigInteger(), nullable=True),
        sa.Column("deleted_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("custom", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("source", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("dimension_value_id", sa.UUID(), nullable=True),
        sa.Column("archived_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_portfolio")),
        schema="canonical",
    )
    op.create_index(
        "uq_portfolio_value", "portfolio", ["dimension_value_id"], unique=True, schema="canonical"
    )
    op.create_table(
        "reference",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("external_no", sa.Text(), nullable=True),
        sa.Column("source_url", sa.Text(), nullable=True),
        sa.Column("source_modified_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column(
            "first_seen_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "changed_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("cut_id", sa.BigInteger(), nullable=True),
        sa.Column("deleted_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("custom", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("attributes", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reference")),
        sa.UniqueConstraint("source", "external_id", name=op.f("uq_reference_source_external_id")),
        schema="canonical",
    )
    op.create_table(
        "tag",
        sa.Column("owner_table", sa.Text(), nullable=False),
        sa.Column("owner_id", sa.UUID(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column(
            "first_seen_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("owner_table", "owner_id", "name", "origin", name=op.f("pk_tag")),
        schema="canonical",
    )
    op.create_table(
        "api_budget",
        sa.Column("login", sa.Text(), nullable=False),
        sa.Column("window_started_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("login", "window_started_at", name=op.f("pk_api_budget")),
        schema="engine",
    )
    op.create_table(
        "audit_seal",
        sa.Column("seal_id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("first_seq", sa.BigInteger(), nullable=False),
        sa.Column("last_seq", sa.BigInteger(), nullable=False),
        sa.Column("changes", sa.Integer(), nullable=False),
        sa.Column("previous", sa.LargeBinary(), nullable=True),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column(
            "sealed_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("seal_id", name=op.f("pk_audit_seal")),
        sa.UniqueConstraint("last_seq", name=op.f("uq_audit_seal_last_seq")),
        schema="engine",
    )
    op.create_table(
        "code_gap",
        sa.Column("stream_id", sa.SmallInteger(), nullable=False),
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column(
            "first_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column(
            "last_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("stream_id", "field", "code", "key", name=op.f("pk_code_gap")),
        schema="engine",
    )
    op.create_table(
        "control_total",
        sa.Column("total_id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("cut_id", sa.BigInteger(), nullable=False),
        sa.Column("entity", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), server_default="", nullable=False),
        sa.Column("currency", sa.Text(), server_default="", nullable=False),
        sa.Column("source_value", sa.Numeric(precision=28, scale=4), nullable=True),
        sa.Column("canonical_value", sa.Numeric(precision=28, scale=4), nullable=True),
        sa.PrimaryKeyConstraint("total_id", name=op.f("pk_control_total")),
        schema="engine",
    )
    op.create_index(
        op.f("ix_control_total_cut_id"), "control_total", ["cut_id"], unique=False, schema="engine"
    )
    op.create_table(
        "document_overlay",
        sa.Column("document_id", sa.UUID(), nullable=False),
        sa.Column("claims", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("own", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "changed_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("document_id", name=op.f("pk_document_overlay")),
        schema="engine",
    )
    op.create_table(
        "import",
        sa.Column("import_id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("read", sa.Integer(), nullable=False),
        sa.Column("applied", sa.Integer(), nullable=False),
        sa.Column("unchanged", sa.Integer(), nullable=False),
        sa.Column("refused", sa.Integer(), nullable=False),
        sa.Column("done_by", sa.Text(), nullable=False),
        sa.Column(
            "done_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("undone_by", sa.Text(), nullable=True),
        sa.Column("undone_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("import_id", name=op.f("pk_import")),
        schema="engine",
    )
    op.create_table(
        "import_edit",
        sa.Column("import_id", sa.BigInteger(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("entity", sa.Text(), nullable=False),
        sa.Column("record_id", sa.UUID(), nullable=False),
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("before", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("after", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.PrimaryKeyConstraint("import_id", "place", name=op.f("pk_import_edit")),
        schema="engine",
    )
    op.create_table(
        "ledger_entry",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("entry_no", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("document_type", sa.Text(), nullable=True),
        sa.Column("document_no", sa.Text(), nullable=True),
        sa.Column("debtor_key", sa.Text(), nullable=True),
        sa.Column("debtor_number", sa.Text(), nullable=True),
        sa.Column("posting_date", sa.Date(), nullable=True),
        sa.Column("document_date", sa.Date(), nullable=True),
        sa.Column("due_date", sa.Date(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("amount", sa.Numeric(precision=19, scale=4), nullable=True),
        sa.Column("amount_base", sa.Numeric(precision=19, scale=4), nullable=True),
        sa.Column("remaining", sa.Numeric(precision=19, scale=4), nullable=True),
        sa.Column("remaining_base", sa.Numeric(precision=19, scale=4), nullable=True),
        sa.Column("is_open", sa.Boolean(), nullable=True),
        sa.Column("closed_date", sa.Date(), nullable=True),
        sa.Column("external_no", sa.Text(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("reversed", sa.Boolean(), nullable=True),
        sa.Column("dispute_reason", sa.Text(), nullable=True),
        sa.Column("promised_date", sa.Date(), nullable=True),
        sa.Column("method", sa.Text(), nullable=True),
        sa.Column("source_modified_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("record_id", sa.UUID(), nullable=True),
        sa.Column("record_kind", sa.Text(), nullable=True),
        schema="engine",
    )
    op.create_index(
        "ix_ledger_entry_document", "ledger_entry", ["source", "document_no"], unique=False, schema="engine"
    )
    op.create_index(
        "ix_ledger_entry_homeless",
        "ledger_entry",
        ["source"],
        unique=False,
        schema="engine",
        postgresql_where=sa.text("record_id IS NULL"),
    )
    op.create_index("ix_ledger_entry_key", "ledger_entry", ["source", "key"], unique=False, schema="engine")
    op.create_index("ix_ledger_entry_record", "ledger_entry", ["record_id"], unique=False, schema="engine")
    op.create_index("pk_ledger_entry", "ledger_entry", ["source", "entry_no"], unique=True, schema="engine")
    op.create_table(
        "link_case",
        sa.Column("entity", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("rung", sa.Text(), nullable=True),
        sa.Column("candidates", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("evidence", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("vetoed", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column(
            "first_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column(
            "last_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("entity", "source", "external_id", name=op.f("pk_link_case")),
        schema="engine",
    )
    op.create_table(
        "link_plan",
        sa.Column("plan_hash", sa.Text(), nullable=False),
        sa.Column("operation", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("plan", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "made_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("made_by", sa.Text(), nullable=True),
        sa.Column("applied_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("applied_by", sa.Text(), nullable=True),
        sa.Column("base", sa.Text(), nullable=False),
        sa.Column("place", sa.BigInteger(), nullable=True),
        sa.Column("edits", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("undone_by", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("plan_hash", name=op.f("pk_link_plan")),
        schema="engine",
    )
    op.create_table(
        "link_rule",
        sa.Column("rule_id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("entity", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("rungs", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "decided_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("rule_id", name=op.f("pk_link_rule")),
        schema="engine",
    )
    op.create_table(
        "negative_link",
        sa.Column("entity", sa.Text(), nullable=False),
        sa.Column("canonical_id", sa.UUID(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column(
            "decided_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint(
            "entity", "canonical_id", "source", "external_id", name=op.f("pk_negative_link")
        ),
        schema="engine",
    )
    op.create_table(
        "outbox",
        sa.Column("outbox_id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("entity", sa.Text(), nullable=False),
        sa.Column("canonical_id", sa.UUID(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("wanted", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("base_version", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column(
            "made_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("changed_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("outbox_id", name=op.f("pk_outbox")),
        schema="engine",
    )
    op.create_table(
        "pin",
        sa.Column("entity", sa.Text(), nullable=False),
        sa.Column("canonical_id", sa.UUID(), nullable=False),
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("value", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("until", sa.Text(), nullable=True),
        sa.Column("while_claimed", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("pinned_by", sa.Text(), nullable=False),
        sa.Column(
            "pinned_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("entity", "canonical_id", "field", name=op.f("pk_pin")),
        schema="engine",
    )
    op.create_table(
        "policy",
        sa.Column("policy_id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("policy", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "applied_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("applied_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("policy_id", name=op.f("pk_policy")),
        schema="engine",
    )
    op.create_table(
        "quarantine",
        sa.Column("quarantine_id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("stream_id", sa.SmallInteger(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("field", sa.Text(), nullable=True),
        sa.Column("parent_entity", sa.Text(), nullable=True),
        sa.Column("parent_key", sa.Text(), nullable=True),
        sa.Column("mapping_version", sa.Text(), nullable=True),
        sa.Column("run_id", sa.UUID(), nullable=True),
        sa.Column("batch_id", sa.BigInteger(), nullable=True),
        sa.Column(
            "first_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column(
            "last_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("attempts", sa.Integer(), server_default="1", nullable=False),
        sa.Column("retry_requested", sa.Boolean(), server_default="false", nullable=False),
        sa.PrimaryKeyConstraint("quarantine_id", name=op.f("pk_quarantine")),
        sa.UniqueConstraint("stream_id", "key", name=op.f("uq_quarantine_stream_id_key")),
        schema="engine",
    )
    op.create_table(
        "run",
        sa.Column("run_id", sa.UUID(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("triggered_by", sa.Text(), nullable=False),
        sa.Column("config_hash", sa.Text(), nullable=True),
        sa.Column(
            "started_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("finished_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("error_class", sa.Text(), nullable=True),
        sa.Column("pid", sa.Integer(), nullable=True),
        sa.Column("cut_id", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_run")),
        schema="engine",
    )
    op.create_index("ix_run_source", "run", ["source", "started_at"], unique=False, schema="engine")
    op.create_table(
        "run_step",
        sa.Column("step_id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("run_id", sa.UUID(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("entity", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("read", sa.Integer(), server_default="0", nullable=False),
        sa.Column("changed", sa.Integer(), server_default="0", nullable=False),
        sa.Column("unchanged", sa.Integer(), server_default="0", nullable=False),
        sa.Column("quarantined", sa.Integer(), server_default="0", nullable=False),
        sa.Column("excluded", sa.Integer(), server_default="0", nullable=False),
        sa.Column("deleted", sa.Integer(), server_default="0", nullable=False),
        sa.Column("calls", sa.Integer(), server_default="0", nullable=False),
        sa.Column("bytes", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("seconds", sa.Numeric(precision=12, scale=3), nullable=False),
        sa.Column(
            "finished_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("step_id", name=op.f("pk_run_step")),
        schema="engine",
    )
    op.create_index(op.f("ix_run_step_run_id"), "run_step", ["run_id"], unique=False, schema="engine")
    op.create_table(
        "source",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("connector", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("config", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("config_hash", sa.Text(), nullable=False),
        sa.Column("mapping_version", sa.Text(), nullable=True),
        sa.Column("position", sa.Integer(), server_default="0", nullable=False),
        sa.Column("staging_epoch", sa.UUID(), nullable=True),
        sa.Column(
            "registered_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("source", name=op.f("pk_source")),
        schema="engine",
    )
    op.create_table(
        "source_record",
        sa.Column("stream_id", sa.SmallInteger(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("raw_hash", sa.UUID(), nullable=False),
        sa.Column("batch_id", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("dirty", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("claim", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("first_claim", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("about", sa.Text(), nullable=True),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column(
            "first_seen_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "changed_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("deleted_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        schema="engine",
    )
    op.create_index(
        "ix_source_record_about",
        "source_record",
        ["stream_id", "about"],
        unique=False,
        schema="engine",
        postgresql_where=sa.text("about IS NOT NULL"),
    )
    op.create_index(
        "ix_source_record_dirty",
        "source_record",
        ["stream_id"],
        unique=False,
        schema="engine",
        postgresql_where="dirty",
    )
    op.create_index(
        "ix_source_record_odd",
        "source_record",
        ["stream_id", "state"],
        unique=False,
        schema="engine",
        postgresql_where=sa.text("state <> 0 or deleted_at is not null"),
    )
    op.create_index("pk_source_record", "source_record", ["stream_id", "key"], unique=True, schema="engine")
    op.create_table(
        "suppression",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("entity", sa.Text(), nullable=False),
        sa.Column(
            "made_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_suppression")),
        schema="engine",
    )
    op.create_table(
        "sweep_hold",
        sa.Column("stream_id", sa.SmallInteger(), nullable=False),
        sa.Column("run_id", sa.UUID(), nullable=False),
        sa.Column("known", sa.Integer(), nullable=False),
        sa.Column("seen", sa.Integer(), nullable=False),
        sa.Column("missing", sa.Integer(), nullable=False),
        sa.Column("stated", sa.Integer(), nullable=True),
        sa.Column("sample", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "held_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("approved_by", sa.Text(), nullable=True),
        sa.Column("approved_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("stream_id", name=op.f("pk_sweep_hold")),
        schema="engine",
    )
    op.create_table(
        "certificate",
        sa.Column("cut_id", sa.BigInteger(), nullable=False),
        sa.Column("check", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("source_value", sa.Text(), nullable=True),
        sa.Column("canonical_value", sa.Text(), nullable=True),
        sa.Column("difference", sa.Text(), nullable=True),
        sa.Column("detail", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.ForeignKeyConstraint(["cut_id"], ["canonical.cut.cut_id"], name=op.f("fk_certificate_cut_id")),
        sa.PrimaryKeyConstraint("cut_id", "check", name=op.f("pk_certificate")),
        schema="canonical",
    )
    op.create_table(
        "stream",
        sa.Column("stream_id", sa.SmallInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("entity", sa.Text(), nullable=False),
        sa.Column("family", sa.Text(), nullable=False),
        sa.Column("canonical", sa.Text(), nullable=False),
        sa.Column("facet", sa.Boolean(), nullable=False),
        sa.Column("rank", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("cursor", sa.Text(), nullable=True),
        sa.Column("cursor_moved_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("swept_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("verified_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("sweep_started_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("swept_count", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["source"], ["engine.source.source"], name=op.f("fk_stream_source")),
        sa.PrimaryKeyConstraint("stream_id", name=op.f("pk_stream")),
        sa.UniqueConstraint("source", "entity", name=op.f("uq_stream_source_entity")),
        schema="engine",
    )
    op.create_table(
        "lake_manifest",
        sa.Column("batch_id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("stream_id", sa.SmallInteger(), nullable=False),
        sa.Column("run_id", sa.UUID(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("records", sa.Integer(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("checksum", sa.Text(), nullable=False),
        sa.Column(
            "landed_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("normalised_as", sa.Text(), nullable=True),
        sa.Column("published_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["stream_id"], ["engine.stream.stream_id"], name=op.f("fk_lake_manifest_stream_id")
        ),
        sa.PrimaryKeyConstraint("batch_id", name=op.f("pk_lake_manifest")),
        sa.UniqueConstraint("path", name=op.f("uq_lake_manifest_path")),
        schema="engine",
    )
    op.create_index(
        "ix_lake_manifest_waiting",
        "lake_manifest",
        ["stream_id"],
        unique=False,
        schema="engine",
        postgresql_where=sa.text("normalised_as is null"),
    )


def downgrade() -> None:
    op.drop_index(
        "ix_lake_manifest_waiting",
        table_name="lake_manifest",
        schema="engine",
        postgresql_where=sa.text("normalised_as is null"),
    )
    op.drop_table("lake_manifest", schema="engine")
    op.drop_table("stream", schema="engine")
    op.drop_table("certificate", schema="canonical")
    op.drop_table("sweep_hold", schema="engine")
    op.drop_table("suppression", schema="engine")
    op.drop_index("pk_source_record", table_name="source_record", schema="engine")
    op.drop_index(
        "ix_source_record_odd",
        table_name="source_record",
        schema="engine",
        postgresql_where=sa.text("state <> 0 or deleted_at is not null"),
    )
    op.drop_index(
        "ix_source_record_dirty", table_name="source_record", schema="engine", postgresql_where="dirty"
    )
    op.drop_index(
        "ix_source_record_about",
        table_name="source_record",
        schema="engine",
        postgresql_where=sa.text("about IS NOT NULL"),
    )
    op.drop_table("source_record", schema="engine")
    op.drop_table("source", schema="engine")
    op.drop_index(op.f("ix_run_step_run_id"), table_name="run_step", schema="engine")
    op.drop_table("run_step", schema="engine")
    op.drop_index("ix_run_source", table_name="run", schema="engine")
    op.drop_table("run", schema="engine")
    op.drop_table("quarantine", schema="engine")
    op.drop_table("policy", schema="engine")
    op.drop_table("pin", schema="engine")
    op.drop_table("outbox", schema="engine")
    op.drop_table("negative_link", schema="engine")
    op.drop_table("link_rule", schema="engine")
    op.drop_table("link_plan", schema="engine")
    op.drop_table("link_case", schema="engine")
    op.drop_index("pk_ledger_entry", table_name="ledger_entry", schema="engine")
    op.drop_index("ix_ledger_entry_record", table_name="ledger_entry", schema="engine")
    op.drop_index("ix_ledger_entry_key", table_name="ledger_entry", schema="engine")
    op.drop_index(
        "ix_ledger_entry_homeless",
        table_name="ledger_entry",
        schema="engine",
        postgresql_where=sa.text("record_id IS NULL"),
    )
    op.drop_index("ix_ledger_entry_document", table_name="ledger_entry", schema="engine")
    op.drop_table("ledger_entry", schema="engine")
    op.drop_table("import_edit", schema="engine")
    op.drop_table("import", schema="engine")
    op.drop_table("document_overlay", schema="engine")
    op.drop_index(op.f("ix_control_total_cut_id"), table_name="control_total", schema="engine")
    op.drop_table("control_total", schema="engine")
    op.drop_table("code_gap", schema="engine")
    op.drop_table("audit_seal", schema="engine")
    op.drop_table("api_budget", schema="engine")
    op.drop_table("tag", schema="canonical")
    op.drop_table("reference", schema="canonical")
    op.drop_index("uq_portfolio_value", table_name="portfolio", schema="canonical")
    op.drop_table("portfolio", schema="canonical")
    op.drop_index(op.f("ix_payment_debtor_id"), table_name="payment", schema="canonical")
    op.drop_table("payment", schema="canonical")
    op.drop_table("overruled", schema="canonical")
    op.drop_index(op.f("ix_link_canonical_id"), table_name="link", schema="canonical")
    op.drop_table("link", schema="canonical")
    op.drop_table("fx_rate", schema="canonical")
    op.drop_table("document_line", schema="canonical")
    op.drop_index("ix_document_number", table_name="document", schema="canonical")
    op.drop_index("ix_document_debtor_id", table_name="document", schema="canonical")
    op.drop_table("document", schema="canonical")
    op.drop_table("dimension_value", schema="canonical")
    op.drop_table("dimension", schema="canonical")
    op.drop_table("debtor_group", schema="canonical")
    op.drop_index(op.f("ix_debtor_dimension_debtor_id"), table_name="debtor_dimension", schema="canonical")
    op.drop_table("debtor_dimension", schema="canonical")
    op.drop_index("ix_debtor_portfolio_id", table_name="debtor", schema="canonical")
    op.drop_index("ix_debtor_number", table_name="debtor", schema="canonical")
    op.drop_table("debtor", schema="canonical")
    op.drop_index(op.f("ix_cut_source"), table_name="cut", schema="canonical")
    op.drop_table("cut", schema="canonical")
    op.drop_table("contact_position", schema="canonical")
    op.drop_index("ix_contact_email_normalised", table_name="contact", schema="canonical")
    op.drop_index(op.f("ix_contact_debtor_id"), table_name="contact", schema="canonical")
    op.drop_table("contact", schema="canonical")
    op.drop_table("company", schema="canonical")
    op.drop_index(
        "ix_claim_inbox_waiting",
        table_name="claim_inbox",
        schema="canonical",
        postgresql_where=sa.text("answered_at IS NULL"),
    )
    op.drop_table("claim_inbox", schema="canonical")
    op.drop_index("ix_change_record", table_name="change", schema="canonical")
    op.drop_table("change", schema="canonical")
    op.drop_table("attachment", schema="canonical")
    op.drop_index("ix_application_to", table_name="application", schema="canonical")
    op.drop_index("ix_application_from", table_name="application", schema="canonical")
    op.drop_table("application", schema="canonical")
    op.drop_table("ageing_bucket", schema="canonical")
    op.drop_index(op.f("ix_address_debtor_id"), table_name="address", schema="canonical")
    op.drop_table("address", schema="canonical")
    op.drop_index(op.f("ix_activity_debtor_id"), table_name="activity", schema="canonical")
    op.drop_table("activity", schema="canonical")
    op.drop_table("account_owner", schema="canonical")
    for schema in ("staging", "canonical"):
        op.execute(f"DROP SCHEMA {schema} CASCADE")
