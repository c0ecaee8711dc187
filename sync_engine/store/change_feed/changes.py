"""The audit of one transaction: collected while it works, appended to the change feed in one go, sealed with the hash chain."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Connection

from sync_engine.store import locks
from sync_engine.store.db import fetch, run_sql
from sync_engine.store.temporary import CHANGE_NEW

ROW_DIGEST = """sha256(convert_to(concat_ws(E'\\x1f', c.seq, to_char(c.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US'), c.entity, c.record_id, c.op,
    coalesce(c.field, ''), coalesce(CAST(c.old AS text), ''), coalesce(CAST(c.new AS text), ''), c.actor_kind, c.actor, coalesce(CAST(c.run_id AS text), ''),
    coalesce(CAST(c.cut_id AS text), ''), coalesce(c.reason, ''), c.login), 'UTF8'))"""
"""`login` is left out where it is null (concat_ws): rows of before it was kept have the digest they were sealed with."""
SEAL = f"""
    INSERT INTO engine.audit_seal (first_seq, last_seq, changes, previous, digest)
    SELECT min(c.seq), max(c.seq), count(*), p.digest, sha256(coalesce(p.digest, '') || string_agg({ROW_DIGEST}, CAST('' AS bytea) ORDER BY c.seq))
    FROM canonical.change c
    LEFT JOIN LATERAL (SELECT digest FROM engine.audit_seal ORDER BY seal_id DESC LIMIT 1) p ON true
    WHERE c.seq > coalesce((SELECT max(last_seq) FROM engine.audit_seal), 0)
    GROUP BY p.digest
"""


def collect_changes(connection: Connection) -> None:
    """Where this transaction collects its audit until `flush_changes`."""
    run_sql(
        connection,
        CHANGE_NEW.create(unless_there=True),
    )


def flush_changes(connection: Connection, *, run_id: UUID | None, cut_id: int | None, actor: str) -> int:
    """Appends what this transaction collected in change_new to the change feed and seals it with the hash chain."""
    if not fetch(connection, "SELECT EXISTS (SELECT FROM change_new)")[0][0]:
        return 0
    locks.take(connection, locks.CHANGE_FEED)
    written = run_sql(
        connection,
        """
        INSERT INTO canonical.change (entity, record_id, op, field, old, new, actor_kind, actor, run_id, cut_id, reason, login)
        SELECT entity, record_id, op, field, old, new, coalesce(actor_kind, 'system'), coalesce(actor, CAST(:actor AS text)), CAST(:run AS uuid),
            CAST(:cut AS bigint), reason, coalesce(login, CASE WHEN actor_kind IN ('user', 'person') THEN session_user END)
        FROM change_new ORDER BY place
        """,
        actor=actor,
        run=run_id,
        cut=cut_id,
    )
    run_sql(connection, SEAL)
    run_sql(connection, "DELETE FROM change_new")
    return written
