"""Instalments as rows, and as-of answers that say whether they are exact; every document that is there gets its first instalment."""

from __future__ import annotations

import re
from pathlib import Path

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

SQL = Path(__file__).parent.parent / "sql"
MONEY = sa.Numeric(precision=19, scale=4)
TS = postgresql.TIMESTAMP(timezone=True)
VIEWS = (
    "credit_utilisation",
    "debtor_metrics",
    "metrics",
    "debtor_balance",
    "ageing_summary",
    "ageing",
    "open_items",
)
AT = "date, text"
FUNCTIONS = {
    "debtor_metrics_at": AT, "credit_utilisation_at": "date", "debtor_exposure_at": "date", "metrics_at": AT, "metric_sums_at": "date, text, boolean",
    "debtor_balance_at": AT, "ageing_summary_at": AT, "ageing_at": AT, "open_items_at": AT, "payment_at": AT, "document_at": AT,
}  # fmt: skip
"""Functions whose answers have new columns, those that ask others first."""
NEW = {
    "instalment_at": AT, "untold_before": "boolean, date, numeric, numeric, date, uuid, text, text, date", "applied_to": "uuid, text, text, date",
    "applied_since_by_entry": "date",
}  # fmt: skip
BEFORE = ("0002_1_items.sql", "0002_2_metrics.sql")
COUNTED = "coalesce(d.erp_status, 'unknown') NOT IN ('draft', 'void')"
COUNTED_AT_0004 = """d.erp_status IS DISTINCT FROM 'draft' AND (d.erp_status IS DISTINCT FROM 'void' OR d.entry_no IS NOT NULL AND d.open_amount <> 0)"""
FIRST_INSTALMENTS = """
    INSERT INTO canonical.instalment (
        id, source, external_id, external_no, source_modified_at, first_seen_at, deleted_at, document_id, number, due_date, amount, open_amount, amount_base,
        open_amount_base, promised_date, closed_date, entry, why_inexact)
    SELECT CAST(left(CAST(id AS text), 32) || '0001' AS uuid), source, external_id || '/1', external_no,
           source_modified_at, first_seen_at, deleted_at, id, 1, due_date, total, open_amount, total_base, open_amount_base, promised_date, closed_date,
           entry_no, CASE WHEN open_amount IS NULL AND coalesce(erp_status, 'unknown') NOT IN ('draft', 'void', 'paid', 'written_off')
               THEN 'what remains of it is not told' END
    FROM canonical.document ORDER BY id
"""
"""What the next cut would write; a document whose ledger splits it is split when its source is normalised again, as with every new mapping."""


def run(statement: str) -> None:
    """Sends a text of statements as it is, without parameters, so that no character of it needs escaping."""
    cursor = op.get_bind().connection.cursor()
    try:
        cursor.execute(statement)
    finally:
        cursor.close()


def before(kind: str, name: str) -> str:
    """A function or view as it was before."""
    end = r"\n\$\$;\n" if kind == "FUNCTION" else r";\n"
    for file in BEFORE:
        found = re.search(
            rf"CREATE {kind} canonical\.{name}\b.*?{end}", (SQL / file).read_text(encoding="utf-8"), re.DOTALL
        )
        if found:
            return found[0].replace(COUNTED, COUNTED_AT_0004) if name == "document_at" else found[0]
    raise AssertionError(name)


def comments() -> str:
    """What the views and functions that are put back had as comments."""
    names = "|".join((*VIEWS, *FUNCTIONS, "application_side"))
    said = (SQL / "0002_4_comments_and_roles.sql").read_text(encoding="utf-8").splitlines()
    return "\n".join(
        line for line in said if re.match(rf"COMMENT ON (VIEW|COLUMN|FUNCTION) canonical\.({names})\b", line)
    )


def drop_answers(functions: dict[str, str]) -> None:
    """The views and functions that are replaced; the views first, since they ask the functions."""
    for view in VIEWS:
        op.execute(f"DROP VIEW canonical.{view}")
    for name, arguments in functions.items():
        op.execute(f"DROP FUNCTION canonical.{name}({arguments})")


def upgrade() -> None:
    op.create_table(
        "instalment",
        sa.Column("id", sa.UUID(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("source", "external_id")),
        *(sa.Column(name, sa.Text(), nullable=True) for name in ("external_no", "source_url")),
        sa.Column("source_modified_at", TS, nullable=True),
        *(
            sa.Column(name, TS, server_default=sa.text("now()"), nullable=False)
            for name in ("first_seen_at", "changed_at")
        ),
        sa.Column("cut_id", sa.BigInteger(), nullable=True),
        sa.Column("deleted_at", TS, nullable=True),
        sa.Column("custom", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("document_id", sa.UUID(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("due_date", sa.Date(), nullable=True),
        *(
            sa.Column(name, MONEY, nullable=True)
            for name in ("amount", "open_amount", "amount_base", "open_amount_base")
        ),
        *(sa.Column(name, sa.Date(), nullable=True) for name in ("promised_date", "closed_date")),
        sa.Column("entry", sa.Text(), nullable=True),
        sa.Column("is_only", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("why_inexact", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_instalment")),
        sa.UniqueConstraint("document_id", "number", name=op.f("uq_instalment_document_id_number")),
        schema="canonical",
    )
    op.create_index(
        "ix_instalment_inexact",
        "instalment",
        ["source"],
        schema="canonical",
        postgresql_where=sa.text("why_inexact IS NOT NULL"),
    )
    op.add_column("document", sa.Column("ledger_difference", MONEY, nullable=True), schema="canonical")
    for end in ("from_entry", "to_entry"):
        op.add_column("application", sa.Column(end, sa.Text(), nullable=True), schema="canonical")
    op.create_index(
        "ix_application_undated",
        "application",
        ["source"],
        schema="canonical",
        postgresql_where=sa.text("is_reversed AND reversed_on IS NULL"),
    )
    op.create_index(
        "ix_document_differing",
        "document",
        ["source"],
        schema="canonical",
        postgresql_where=sa.text("ledger_difference <> 0"),
    )
    run(FIRST_INSTALMENTS)
    drop_answers(FUNCTIONS)
    for file in ("0011_1_items.sql", "0011_2_metrics.sql", "0011_3_comments.sql"):
        run((SQL / file).read_text(encoding="utf-8"))


def downgrade() -> None:
    drop_answers(FUNCTIONS | NEW)
    op.execute("DROP VIEW canonical.as_of_exactness")
    op.execute("DROP VIEW canonical.application_side")
    run(before("VIEW", "application_side"))
    for name in reversed(FUNCTIONS):
        run(before("FUNCTION", name))
    for view in reversed(VIEWS):
        run(before("VIEW", view))
    run(comments())
    op.execute("COMMENT ON COLUMN canonical.document.due_date IS NULL")
    op.drop_table("instalment", schema="canonical")
    op.drop_index("ix_application_undated", table_name="application", schema="canonical")
    for end in ("to_entry", "from_entry"):
        op.drop_column("application", end, schema="canonical")
    op.drop_index("ix_document_differing", table_name="document", schema="canonical")
    op.drop_column("document", "ledger_difference", schema="canonical")
