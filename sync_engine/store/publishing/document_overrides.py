"""What collections say about a document (promise, dispute, status) laid over what its one master says, so that it survives the next update.

The overlay keeps the master's own words beside the claims: taking a claim back brings them back. Where nobody said anything the
bulk path pays one look at an empty table.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal

from sync_engine.ownership.policy import Policy, rank
from sync_engine.ownership.resolve import INBOX
from sync_engine.store.db import copy_rows
from sync_engine.store.publishing.cut import Cut, merge_into
from sync_engine.store.publishing.instalments import promise_instalments
from sync_engine.store.staging import staged

OWN = ("dispute_reason", "promised_date")
"""What a document's master can say itself; the collection status follows from it."""
TYPES = {"dispute_reason": "text", "promised_date": "date"}
DERIVED = "CASE WHEN {dispute} IS NOT NULL THEN 'disputed' WHEN {promise} IS NOT NULL THEN 'promised' ELSE 'none' END"
Says = Literal["collections", "own", "own only"]
_OWN_WORDS = "jsonb_build_object('dispute_reason', {0}.dispute_reason, 'promised_date', {0}.promised_date)"


def believed(policy: Policy, field: str, source: str, role: str) -> Says:
    """Whose word goes first for a field of documents: group chasing of the policy decides. An own word that is missing says nothing."""
    rule = policy.rule_for("document", field, "chasing")
    ours, theirs = rank(rule, INBOX, "collections"), rank(rule, source, role)
    if ours is None:
        return "own only"
    return "collections" if theirs is None or ours < theirs else "own"


def say_about_documents(cut: Cut, words: Mapping[tuple[str, str], tuple[Any, bool]]) -> None:
    """Adds what the inbox said: (document, field) -> (value, is withdrawn). Leaves the touched documents in temporary table said_document."""
    if not words:
        return
    cut.sql(
        "CREATE TEMP TABLE said_word (id uuid, field text, value jsonb, is_withdrawn boolean) ON COMMIT DROP"
    )
    copy_rows(
        cut.connection,
        "said_word",
        ("id", "field", "value", "is_withdrawn"),
        [(i, f, json.dumps(v), str(w).lower()) for (i, f), (v, w) in words.items()],
    )
    cut.sql("CREATE TEMP TABLE said_document ON COMMIT DROP AS SELECT DISTINCT id FROM said_word")
    cut.sql(f"""
        INSERT INTO engine.document_overlay (document_id, claims, own)
        SELECT d.id, '{{}}', {_OWN_WORDS.format("d")} FROM said_document s JOIN canonical.document d USING (id) ON CONFLICT (document_id) DO NOTHING
        """)
    cut.sql("""
        UPDATE engine.document_overlay v SET claims = (v.claims || w.said) - w.unsaid, changed_at = now()
        FROM (SELECT id, coalesce(jsonb_object_agg(field, value) FILTER (WHERE NOT is_withdrawn), '{}') AS said,
                     coalesce(array_agg(field) FILTER (WHERE is_withdrawn), '{}') AS unsaid FROM said_word GROUP BY id) w
        WHERE v.document_id = w.id
        """)


def apply_to_incoming(cut: Cut) -> None:
    """Lays the overlay over the documents of this cut, after the master's own values, and keeps those."""
    if not cut.exists("SELECT FROM engine.document_overlay") or not cut.exists(
        "SELECT FROM incoming_document"
    ):
        return
    cut.sql(f"""
        CREATE TEMP TABLE overlaid ON COMMIT DROP AS
        SELECT n.id, EXISTS (SELECT FROM {staged(cut.source, "document")} d JOIN engine.stream s ON s.stream_id = d.stream_id AND NOT s.facet
            WHERE d.id = n.id) AS is_staged
        FROM incoming_document n JOIN engine.document_overlay v ON v.document_id = n.id
        """)
    cut.sql(f"""
        UPDATE engine.document_overlay v SET own = {_OWN_WORDS.format("n")} FROM incoming_document n JOIN overlaid o USING (id)
        WHERE v.document_id = n.id AND o.is_staged AND v.own IS DISTINCT FROM {_OWN_WORDS.format("n")}
        """)
    cut.sql("""
        UPDATE engine.document_overlay v SET own = jsonb_build_object(
            'dispute_reason', coalesce(v.own ->> 'dispute_reason', e.dispute_reason), 'promised_date', coalesce(CAST(v.own ->> 'promised_date' AS date),
                e.promised_date))
        FROM (SELECT o.id, min(e.dispute_reason) AS dispute_reason, min(e.promised_date) AS promised_date
              FROM overlaid o JOIN engine.ledger_entry e ON e.record_id = o.id AND e.record_kind = 'document' WHERE NOT o.is_staged GROUP BY o.id) e
        WHERE v.document_id = e.id AND (e.dispute_reason IS NOT NULL OR e.promised_date IS NOT NULL)
        """)
    dispute, promise, status = _final(cut.policy, cut.source, cut.role)
    cut.sql(f"""
        UPDATE incoming_document n SET dispute_reason = {dispute}, promised_date = {promise}, collection_status = {status}
        FROM engine.document_overlay v JOIN overlaid o ON o.id = v.document_id WHERE n.id = v.document_id
        """)


def publish_touched(cut: Cut, *, everyone: bool) -> None:
    """Documents the inbox spoke about in this cut, of whatever source; all with an overlay after a change of policy."""
    has_said = bool(cut.rows("SELECT to_regclass('pg_temp.said_document') IS NOT NULL")[0][0])
    if not has_said and not (everyone and cut.exists("SELECT FROM engine.document_overlay")):
        return
    which = "" if everyone else "JOIN said_document s ON s.id = d.id"
    sources = cut.rows(f"""
        SELECT DISTINCT o.source, o.role FROM engine.document_overlay v JOIN canonical.document d ON d.id = v.document_id {which} JOIN engine.source o
            ON o.source = d.source
        """)
    cut.sql(
        "CREATE TEMP TABLE overlaid_document (id uuid, dispute_reason text, promised_date date, collection_status text) ON COMMIT DROP"
    )
    for source, role in sources:
        dispute, promise, status = _final(cut.policy, str(source), str(role))
        cut.sql(
            f"""
            INSERT INTO overlaid_document SELECT d.id, {dispute}, {promise}, {status}
            FROM engine.document_overlay v JOIN canonical.document d ON d.id = v.document_id {which} WHERE d.source = :of
            """,
            of=source,
        )
    merge_into(cut, "document", "overlaid_document", (*OWN, "collection_status"), actor_kind="user")
    promise_instalments(cut, "overlaid_document")
    cut.sql("DELETE FROM engine.document_overlay WHERE claims = '{}'")


def _final(policy: Policy, source: str, role: str) -> tuple[str, str, str]:
    """Dispute, promise and status as SQL over the overlay v."""
    dispute, promise = (_value(field, believed(policy, field, source, role)) for field in OWN)
    derived = DERIVED.format(dispute=dispute, promise=promise)
    says = believed(policy, "collection_status", source, role)
    status = (
        derived
        if says == "own only"
        else f"coalesce(v.claims ->> 'collection_status', {derived})"
        if says == "collections"
        else f"CASE WHEN {derived} <> 'none' THEN {derived} ELSE coalesce(v.claims ->> 'collection_status', 'none') END"
    )
    return dispute, promise, status


def _value(field: str, says: Says) -> str:
    own, said = (f"CAST(v.{place} ->> '{field}' AS {TYPES[field]})" for place in ("own", "claims"))
    if says == "own only":
        return own
    return (
        f"CASE WHEN v.claims ? '{field}' THEN {said} ELSE {own} END"
        if says == "collections"
        else f"coalesce({own}, {said})"
    )
