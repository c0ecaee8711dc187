"""Links records that have none: the mode in force, the ladder where other sources are there to match, creation for the rest."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sync_engine.errors import ConfigurationError
from sync_engine.matching.ladder import RUNGS, Known, Outcome, climb
from sync_engine.store.db import copy_rows
from sync_engine.store.publishing.cut import ANALYZE_FROM, Cut, canonical_id, count, id_sql
from sync_engine.store.publishing.parties import (
    circumstances,
    linked_parties,
    other_sources,
    unlinked_parties,
)
from sync_engine.store.temporary import FOUND_CASE

AGAIN = "u.key || E'\\x1f2'"
"""The key, as SQL, that gives a record another id where its first one is lived in by another record."""
CONTACT_RUNGS = ("foreign_id", "email_and_name")
"""Contacts match inside one debtor only, by id or by the same address and name; their numbers are each system's own."""


def enter_mode(cut: Cut, entity: str) -> None:
    """Brings the configured link mode into force. Raises ConfigurationError where a person must see a plan first.

    Opening a source to the rules while it holds unlinked records is gated: once records are created, the right link is harder to make.
    """
    creates, rungs = bool(cut.create_unmatched.get(entity)), list(cut.rungs.get(entity, RUNGS))
    wanted = {"mode": cut.link_mode.get(entity, "none"), "create_unmatched": creates, "rungs": rungs}
    now = mode_in_force(cut, entity)
    if now == wanted:
        return
    if now is not None and wanted["mode"] == "automatic" and not cut.by_hand:
        opens = now["mode"] != "automatic" or (creates and not now["create_unmatched"])
        if opens and (waiting := unlinked(cut, entity)):
            raise ConfigurationError(
                f"switching {entity} links to automatic while {waiting} records are not linked needs a look at what would happen",
                whose=cut.source,
                key=f"links.{entity}",
                todo=f"Run `sync-engine links plan {cut.source}`, then `sync-engine links apply HASH`; nothing was published.",
            )
    cut.sql(
        """
        INSERT INTO engine.link_rule (source, entity, mode, rungs, decided_by) VALUES (:source, :entity, :mode, CAST(:rungs AS jsonb), :by)
        """,
        entity=entity,
        mode=wanted["mode"],
        rungs=json.dumps({k: wanted[k] for k in ("create_unmatched", "rungs")}),
        by=cut.actor,
    )
    cut.sql(
        """
        INSERT INTO change_new (entity, record_id, op, field, old, new, actor_kind)
        VALUES ('link_rule', CAST(:id AS uuid), CAST(:op AS text), :entity, CAST(:old AS jsonb), CAST(:new AS jsonb), 'user')
        """,
        id=str(canonical_id(cut.source, "link_rule", entity)),
        op="update" if now else "create",
        entity=entity,
        old=json.dumps(now) if now else None,
        new=json.dumps({"source": cut.source, **wanted}),
    )


def mode_in_force(cut: Cut, entity: str) -> dict[str, Any] | None:
    """The last mode that was let in, None for a source that never published."""
    rows = cut.rows(
        "SELECT mode, rungs FROM engine.link_rule WHERE source = :source AND entity = :entity ORDER BY rule_id DESC LIMIT 1",
        entity=entity,
    )
    if not rows:
        return None
    details: Any = rows[0][1]
    return {"mode": rows[0][0], **details}


def unlinked(cut: Cut, entity: str) -> int:
    """How many usable records of the source have no link."""
    return int(str(cut.rows(f"SELECT count(*) {_UNLINKED}", entity=entity)[0][0]))


_UNLINKED = """
    FROM engine.source_record r JOIN engine.stream s USING (stream_id)
    LEFT JOIN canonical.link l ON l.entity = :entity AND l.source = s.source AND l.external_id = r.key
    WHERE s.source = :source AND s.canonical = :entity AND NOT s.facet AND r.claim IS NOT NULL AND r.deleted_at IS NULL AND l.canonical_id IS NULL
      AND (r.state = 0 OR (r.state = 1 AND EXISTS (
          SELECT FROM engine.quarantine q WHERE q.stream_id = r.stream_id AND q.key = r.key AND q.error = 'AmbiguousMatch')))
"""


def link_new(cut: Cut, entity: str = "debtor") -> int:
    """Gives unlinked records of an automatic source their canonical record; returns how many links were made.

    Where no other source has linked records there is nothing to match and creation is one statement. Modes none and manual link nothing.
    """
    if cut.link_mode.get(entity) != "automatic":
        return 0
    others = other_sources(cut.connection, entity, cut.source)
    everyone = cut.by_hand or (bool(others) and _world_has_moved(cut))
    cut.sql(f"DROP TABLE IF EXISTS unlinked_{entity}")
    cut.sql(
        f"""
        CREATE TEMP TABLE unlinked_{entity} ON COMMIT DROP AS SELECT s.source, r.key, r.stream_id {_UNLINKED} AND (r.dirty OR :everyone)
        """,
        entity=entity,
        everyone=everyone,
    )
    if entity == "contact":
        cut.sql("""
            DELETE FROM unlinked_contact u WHERE NOT EXISTS (
                SELECT FROM debtor_of_contact d WHERE d.source = u.source AND d.contact_key = u.key AND d.debtor_id IS NOT NULL)
            """)
    if others and cut.exists(f"SELECT FROM unlinked_{entity}"):
        _match(cut, entity, others)
    created = _create(cut, entity) if cut.create_unmatched.get(entity) else 0
    linked = cut.counts.get("link", {}).get(f"{entity}s_matched", 0)
    if created + linked > ANALYZE_FROM:
        cut.sql("ANALYZE canonical.link")
    count(cut, "link", created=created)
    return created + linked


def may_link_more(cut: Cut) -> bool:
    """Whether records without a link, of a source that links by rules, may find something that was not there at the last cut."""
    return _world_has_moved(cut) and any(
        cut.link_mode.get(entity) == "automatic"
        and other_sources(cut.connection, entity, cut.source)
        and unlinked(cut, entity)
        for entity in ("debtor", "contact")
    )


def _world_has_moved(cut: Cut) -> bool:
    """Whether records that found nothing last time may find something now: another source published or a person decided since."""
    return cut.exists("""
        SELECT FROM (SELECT max(cut_id) AS cut_id, max(published_at) AS at FROM canonical.cut WHERE source = :source AND cut_id <> :cut) own
        WHERE EXISTS (SELECT FROM canonical.cut o WHERE o.source <> :source AND o.published_at >= own.at)
           OR EXISTS (SELECT FROM engine.link_plan p WHERE p.applied_at >= own.at)
        """)


def _create(cut: Cut, entity: str) -> int:
    """A canonical record for each record left over, with the id that a replay would give it too."""
    return cut.sql(f"""
        INSERT INTO canonical.link (entity, source, external_id, canonical_id, method, rule, decided_by)
        SELECT '{entity}', u.source, u.key, CASE WHEN taken.canonical_id IS NULL THEN u.id ELSE {id_sql(entity, AGAIN)} END,
               'created', 'create_unmatched', 'system'
        FROM (SELECT source, key, {id_sql(entity, "key")} AS id FROM unlinked_{entity}) u
        LEFT JOIN (SELECT DISTINCT canonical_id FROM canonical.link WHERE entity = '{entity}') taken ON taken.canonical_id = u.id
        """)


def _match(cut: Cut, entity: str, others: list[str]) -> None:
    """Climbs the ladder with every unlinked record; what is decided leaves the table of unlinked ones."""
    rungs = [r for r in cut.rungs.get(entity, RUNGS) if entity == "debtor" or r in CONTACT_RUNGS]
    known = Known(linked_parties(cut.connection, entity, others))
    found = climb(
        unlinked_parties(cut.connection, entity, cut.source),
        known,
        circumstances(cut.connection, entity, cut.source),
        rungs,
    )
    _write_links(cut, entity, {k: o for k, o in found.items() if o.kind == "link"})
    _write_cases(
        cut,
        entity,
        {k: o for k, o in found.items() if o.kind == "ambiguous" or (o.kind == "unmatched" and o.vetoed)},
    )
    if cut.create_unmatched.get(entity):
        _hold_ambiguous(cut, entity)
    for done in ("found_link", "found_case WHERE outcome = 'ambiguous'"):
        cut.sql(f"DELETE FROM unlinked_{entity} u USING (SELECT key FROM {done}) f WHERE f.key = u.key")


def _write_links(cut: Cut, entity: str, found: Mapping[str, Outcome]) -> None:
    cut.sql("DROP TABLE IF EXISTS found_link")
    cut.sql(
        "CREATE TEMP TABLE found_link (key text PRIMARY KEY, id uuid, rule text, confidence float, evidence jsonb) ON COMMIT DROP"
    )
    copy_rows(
        cut.connection,
        "found_link",
        ("key", "id", "rule", "confidence", "evidence"),
        (
            (key, o.canonical, o.rung, str(o.confidence), json.dumps(o.evidence, ensure_ascii=False))
            for key, o in found.items()
        ),
    )
    made = cut.sql(f"""
        INSERT INTO canonical.link (entity, source, external_id, canonical_id, method, rule, confidence, evidence, decided_by)
        SELECT '{entity}', :source, key, id, 'rule', rule, confidence, evidence, 'system' FROM found_link
        """)
    cut.sql(f"""
        INSERT INTO change_new (entity, record_id, op, field, new, actor_kind)
        SELECT 'link', id, 'link', '{entity}/' || CAST(:source AS text) || '/' || key,
               jsonb_build_object('method', 'rule', 'rule', rule, 'confidence', confidence, 'evidence', evidence), 'system'
        FROM found_link
        """)
    cut.sql(f"""
        UPDATE engine.source_record r SET dirty = true, state = CASE WHEN r.state = 1 THEN 0 ELSE r.state END,
            reason = CASE WHEN r.state = 1 THEN NULL ELSE r.reason END
        FROM unlinked_{entity} u JOIN found_link f USING (key) WHERE r.stream_id = u.stream_id AND r.key = u.key AND (NOT r.dirty OR r.state = 1)
        """)
    count(cut, "link", **{f"{entity}s_matched": made})


def _write_cases(cut: Cut, entity: str, found: Mapping[str, Outcome]) -> None:
    """What people must look at, in place of what was known about these records before."""
    cut.sql("DROP TABLE IF EXISTS found_case")
    cut.sql(FOUND_CASE.create())
    copy_rows(
        cut.connection,
        "found_case",
        ("key", "outcome", "rung", "candidates", "evidence", "vetoed"),
        (
            (
                key,
                "ambiguous" if o.kind == "ambiguous" else "vetoed",
                o.rung,
                *(json.dumps(v) for v in (o.candidates, dict(o.evidence), dict(o.vetoed))),
            )
            for key, o in found.items()
        ),
    )
    cut.sql(f"""
        DELETE FROM engine.link_case c USING unlinked_{entity} u
        WHERE c.entity = '{entity}' AND c.source = :source AND c.external_id = u.key AND NOT EXISTS (SELECT FROM found_case f WHERE f.key = u.key)
        """)
    cut.sql(f"""
        INSERT INTO engine.link_case AS c (entity, source, external_id, outcome, rung, candidates, evidence, vetoed)
        SELECT '{entity}', :source, key, outcome, rung, candidates, evidence, vetoed FROM found_case
        ON CONFLICT (entity, source, external_id) DO UPDATE SET outcome = excluded.outcome, rung = excluded.rung, candidates = excluded.candidates,
            evidence = excluded.evidence, vetoed = excluded.vetoed, last_at = now()
        """)
    count(
        cut,
        "link",
        ambiguous=sum(o.kind == "ambiguous" for o in found.values()),
        vetoed=sum(o.kind == "unmatched" for o in found.values()),
    )


def _hold_ambiguous(cut: Cut, entity: str) -> None:
    """Records that should be canonical and wait for a person are quarantined, so that the counts of the cut still add up."""
    cut.sql(
        f"""
        INSERT INTO engine.quarantine AS q (stream_id, key, stage, error, message, mapping_version, run_id)
        SELECT u.stream_id, u.key, 'publish', 'AmbiguousMatch', CAST(:source AS text) || ' ' || u.key || ': ' || (f.evidence ->> 'why') || '. Link it by hand: '
            || (SELECT string_agg(c, ', ') FROM jsonb_array_elements_text(f.candidates) c), :version, :run
        FROM found_case f JOIN unlinked_{entity} u USING (key) WHERE f.outcome = 'ambiguous'
        ON CONFLICT (stream_id, key) DO UPDATE SET last_at = now(), attempts = q.attempts + 1, message = excluded.message, error = excluded.error,
            stage = excluded.stage
        """,
        version=cut.mapping_version,
        run=cut.run_id,
    )
    cut.sql(f"""
        UPDATE engine.source_record r SET state = 1, reason = 'quarantined' FROM found_case f JOIN unlinked_{entity} u USING (key)
        WHERE f.outcome = 'ambiguous' AND r.stream_id = u.stream_id AND r.key = u.key
        """)
    cut.sql(f"""
        UPDATE engine.source_record r SET state = 0, reason = NULL, dirty = true FROM unlinked_{entity} u
        WHERE r.stream_id = u.stream_id AND r.key = u.key AND r.state = 1
          AND NOT EXISTS (SELECT FROM found_case f WHERE f.key = u.key AND f.outcome = 'ambiguous')
        """)
    cut.sql(f"""
        DELETE FROM engine.quarantine q USING unlinked_{entity} u
        WHERE q.stream_id = u.stream_id AND q.key = u.key AND q.error = 'AmbiguousMatch'
          AND NOT EXISTS (SELECT FROM found_case f WHERE f.key = u.key AND f.outcome = 'ambiguous')
        """)
