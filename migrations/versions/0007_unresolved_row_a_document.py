"""What a document names that nobody knows is one row a document, not one a field."""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE engine.unresolved_reference RENAME TO unresolved_field")
    op.execute(
        "ALTER TABLE engine.unresolved_field RENAME CONSTRAINT pk_unresolved_reference TO pk_unresolved_field"
    )
    op.execute("""
        CREATE TABLE engine.unresolved_reference (
            document_id uuid NOT NULL,
            source text NOT NULL,
            owner text,
            terms text,
            CONSTRAINT pk_unresolved_reference PRIMARY KEY (document_id)
        )
        """)
    op.execute("""
        INSERT INTO engine.unresolved_reference (document_id, source, owner, terms)
        SELECT document_id, min(source), max(code) FILTER (WHERE field = 'owner'), max(code) FILTER (WHERE field = 'terms')
        FROM engine.unresolved_field GROUP BY document_id ORDER BY document_id
        """)
    op.execute("DROP TABLE engine.unresolved_field")


def downgrade() -> None:
    op.execute("ALTER TABLE engine.unresolved_reference RENAME TO unresolved_document")
    op.execute(
        "ALTER TABLE engine.unresolved_document RENAME CONSTRAINT pk_unresolved_reference TO pk_unresolved_document"
    )
    op.execute("""
        CREATE TABLE engine.unresolved_reference (
            document_id uuid NOT NULL,
            field text NOT NULL,
            source text NOT NULL,
            code text NOT NULL,
            CONSTRAINT pk_unresolved_reference PRIMARY KEY (document_id, field)
        )
        """)
    op.execute("""
        INSERT INTO engine.unresolved_reference (document_id, field, source, code)
        SELECT w.document_id, f.field, w.source, f.code FROM engine.unresolved_document w
        CROSS JOIN LATERAL (VALUES ('owner', w.owner), ('terms', w.terms)) f (field, code) WHERE f.code IS NOT NULL
        """)
    op.execute("DROP TABLE engine.unresolved_document")
