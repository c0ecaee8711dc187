"""The tables of both schemas, the roles that may read them and the ageing buckets, as first released. Views: migrations/views."""

from __future__ import annotations

from pathlib import Path

from alembic import op

from migrations.views import send

revision: str = "0001"
down_revision: str | None = None
branch_labels: str | None = None
depends_on: str | None = None

FILES = Path(__file__).parent.parent / "baseline"
EMPTY_ENGINE = """
    DO $$
    DECLARE
        found regclass;
    BEGIN
        FOR found IN SELECT c.oid FROM pg_class c WHERE c.relnamespace = to_regnamespace('engine') AND c.relkind = 'r' AND c.relname <> 'alembic_version' LOOP
            EXECUTE format('DROP TABLE %s CASCADE', found);
        END LOOP;
    END
    $$
    """
"""Alembic keeps the version in schema engine, so only what else is in it goes."""


def upgrade() -> None:
    for schema in ("canonical", "engine", "staging"):
        op.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
    for file in ("canonical.sql", "descriptions.sql", "engine.sql", "roles_and_buckets.sql"):
        send(op.get_context(), (FILES / file).read_text(encoding="utf-8"))


def downgrade() -> None:
    send(op.get_context(), (FILES / "roles_down.sql").read_text(encoding="utf-8"))
    send(op.get_context(), EMPTY_ENGINE)
    for schema in ("staging", "canonical"):
        op.execute(f"DROP SCHEMA {schema} CASCADE")
