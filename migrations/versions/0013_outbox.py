"""The outbox as it is filled: one living row for a record and strategy, with the number of attempts, and which fields a source is told and heard of."""

from __future__ import annotations

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nobody filled the table before."""
    op.execute("""
        ALTER TABLE engine.source ADD COLUMN written jsonb NOT NULL DEFAULT '{}', ADD COLUMN unheard jsonb NOT NULL DEFAULT '{}'
        """)
    op.execute("DELETE FROM engine.outbox")
    op.execute("""
        ALTER TABLE engine.outbox
            ALTER COLUMN external_id SET NOT NULL,
            ADD COLUMN strategy text NOT NULL,
            ADD COLUMN idempotency_key uuid NOT NULL DEFAULT gen_random_uuid(),
            ADD COLUMN attempts integer NOT NULL DEFAULT 0,
            ADD COLUMN decided_by text,
            ADD COLUMN sent_at timestamptz,
            ADD COLUMN settled_at timestamptz
        """)
    op.execute("""
        CREATE UNIQUE INDEX uq_outbox_living ON engine.outbox (source, entity, external_id, strategy) WHERE settled_at IS NULL
        """)
    op.execute("CREATE INDEX ix_outbox_canonical_id ON engine.outbox (canonical_id)")


def downgrade() -> None:
    op.execute("DROP INDEX engine.ix_outbox_canonical_id")
    op.execute("DROP INDEX engine.uq_outbox_living")
    op.execute("""
        ALTER TABLE engine.outbox
            ALTER COLUMN external_id DROP NOT NULL,
            DROP COLUMN strategy,
            DROP COLUMN idempotency_key,
            DROP COLUMN attempts,
            DROP COLUMN decided_by,
            DROP COLUMN sent_at,
            DROP COLUMN settled_at
        """)
    op.execute("ALTER TABLE engine.source DROP COLUMN written, DROP COLUMN unheard")
