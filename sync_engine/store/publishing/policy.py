"""The ownership policy in force: one row each time another one was put in force, with who did it, and the audit of it."""

from __future__ import annotations

import json

from sqlalchemy import Connection

from sync_engine.ownership.policy import Policy
from sync_engine.store.db import fetch, run_sql
from sync_engine.store.publishing.cut import Cut, canonical_id


def policy_in_force(connection: Connection) -> Policy | None:
    """The policy that canonical rows are folded by now; None before the first cut."""
    rows = fetch(connection, "SELECT policy FROM engine.policy ORDER BY policy_id DESC LIMIT 1")
    return Policy.model_validate(rows[0][0]) if rows else None


def companies(connection: Connection) -> list[str]:
    """The companies whose books were read, as rules may name them."""
    return [
        str(name)
        for (name,) in fetch(
            connection, "SELECT DISTINCT name FROM canonical.company WHERE name IS NOT NULL ORDER BY name"
        )
    ]


def enter_policy(cut: Cut) -> bool:
    """Brings the cut's policy into force; true when another one was, so that everything must be folded again."""
    before = policy_in_force(cut.connection)
    if before is not None and before.digest == cut.policy.digest:
        return False
    run_sql(
        cut.connection,
        "INSERT INTO engine.policy (digest, policy, applied_by) VALUES (:digest, CAST(:policy AS jsonb), :by)",
        digest=cut.policy.digest,
        policy=_text(cut.policy),
        by=cut.actor,
    )
    run_sql(
        cut.connection,
        """
        INSERT INTO change_new (entity, record_id, op, field, old, new, actor_kind, reason)
        VALUES ('policy', CAST(:id AS uuid), CAST(:op AS text), 'policy', CAST(:old AS jsonb), CAST(:new AS jsonb), 'user', CAST(:why AS text))
        """,
        id=str(canonical_id("", "policy", "policy")),
        op="create" if before is None else "update",
        old=None if before is None else _text(before),
        new=_text(cut.policy),
        why=f"policy {cut.policy.digest} in force",
    )
    return before is not None


def _text(policy: Policy) -> str:
    return json.dumps(policy.model_dump(mode="json"), sort_keys=True)
