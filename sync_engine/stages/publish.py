"""publish: one transaction per source and cut. Readers see all of it or nothing of it."""

from __future__ import annotations

import time
from datetime import date
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from sync_engine.stages.source_run import SourceRun
from sync_engine.store.db import fetch, one_at_a_time, run_sql, transaction
from sync_engine.store.publishing import (
    belongings,
    code_lists,
    contacts,
    debtors,
    document_overrides,
    documents,
    inbox,
    keyed_payments,
    ledger,
    new_links,
    orphans,
    settlements,
)
from sync_engine.store.publishing.cut import Cut, close_cut, open_cut
from sync_engine.store.publishing.policy import enter_policy
from sync_engine.store.publishing.waiting import anything_waits
from sync_engine.store.runs import Counts, record_step
from sync_engine.store.staging import staged

TELL_PLANNER = "ANALYZE engine.source_record"


class Published(NamedTuple):
    """The cut: its id, what it created and updated per canonical entity, and how many changes the audit took."""

    cut_id: int
    counts: dict[str, dict[str, int]]
    changes: int


def publish(source_run: SourceRun) -> Published:
    """Publishes everything normalised since the last cut. Raises ConfigurationError or StoreError; then nothing was published.

    Where nothing waits the cut is empty: it says as of when all is as it was.
    """
    started = time.perf_counter()
    with transaction(source_run.store, "publishing the cut") as connection:
        one_at_a_time(connection)
        cut = _cut(source_run, connection)
        everything = _config_changed(source_run, connection)
        everyone = enter_policy(cut)
        for entity in ("debtor", "contact"):
            new_links.enter_mode(cut, entity)
        words = inbox.take(cut)
        is_quiet = not (everything or everyone or words or anything_waits(cut))
        if not is_quiet:
            _take_up(source_run, cut, words, everything=everything, everyone=everyone)
        changes = close_cut(cut)
        if not is_quiet:
            documents.clear_staging(cut)
    source_run.warnings.extend(cut.warnings)
    written = sum(
        n
        for row in cut.counts.values()
        for name, n in row.items()
        if name in ("created", "updated", "deleted")
    )
    record_step(
        source_run.store,
        source_run.run_id,
        "publish",
        "cut",
        "held" if cut.warnings else "succeeded",
        time.perf_counter() - started,
        Counts(read=written, changed=written),
        " ".join(cut.warnings) or None,
    )
    return Published(cut.cut_id, cut.counts, changes)


def _take_up(
    source_run: SourceRun, cut: Cut, words: list[inbox.Word], *, everything: bool, everyone: bool
) -> None:
    """Publishes what waits: debtors and what they refer to, then what is owed."""
    is_large = _is_large(source_run, cut.connection)
    if is_large:
        run_sql(cut.connection, TELL_PLANNER)
    _masters(cut, words, everything=everything, everyone=everyone)
    _documents(cut)
    document_overrides.publish_touched(cut, everyone=everyone)
    debtors.tell_buried(cut)
    inbox.answer(cut, words)
    _close(source_run, cut)
    if is_large:  # or the next cuts are planned as if everything were still dirty
        run_sql(cut.connection, TELL_PLANNER)


def ledger_date(source_run: SourceRun) -> date:
    """What date it is in the company's ledger calendar."""
    return source_run.now().astimezone(ZoneInfo(source_run.config.time_zone)).date()


def _cut(source_run: SourceRun, connection: Connection) -> Cut:
    as_of = source_run.now()
    cut_id = open_cut(
        connection,
        source_run.source,
        source_run.run_id,
        as_of,
        ledger_date(source_run),
        source_run.policy,
        source_run.normaliser.version,
    )
    portfolio = source_run.config.portfolio
    links = {entity: source_run.config.link_settings(entity) for entity in ("debtor", "contact")}
    return Cut(
        connection,
        source_run.source,
        source_run.config.role,
        source_run.run_id,
        cut_id,
        as_of,
        ledger_date(source_run),
        source_run.policy,
        source_run.normaliser.version,
        source_run.actor,
        portfolio_dimension=portfolio.dimension if portfolio else None,
        move_brake=portfolio.move_brake if portfolio else 1.0,
        accept_moves=source_run.accept_moves,
        link_mode={e: str(s.mode) for e, s in links.items()},
        create_unmatched={e: bool(s.create_unmatched) for e, s in links.items()},
        rungs={e: s.rungs for e, s in links.items()},
    )


def _config_changed(source_run: SourceRun, connection: Connection) -> bool:
    """Whether everything must be folded again: the policy or the source's configuration is not the last cut's."""
    last = fetch(
        connection,
        """
        SELECT c.policy, r.config_hash FROM canonical.cut c LEFT JOIN engine.run r USING (run_id)
        WHERE c.source = :source AND c.run_id <> :run ORDER BY c.cut_id DESC LIMIT 1
        """,
        source=source_run.source,
        run=source_run.run_id,
    )
    return bool(last) and tuple(last[0]) != (source_run.policy.digest, source_run.config.digest)


def _is_large(source_run: SourceRun, connection: Connection) -> bool:
    """Whether so much is dirty that the statistics are stale: a plan made for few dirty records is quadratic on many."""
    return bool(
        fetch(
            connection,
            """
        SELECT count(*) > 2000 FROM (SELECT FROM engine.source_record r JOIN engine.stream s USING (stream_id) WHERE s.source = :source
            AND r.dirty LIMIT 2001) x
        """,
            source=source_run.source,
        )[0][0]
    )


def _masters(cut: Cut, words: list[inbox.Word], *, everything: bool, everyone: bool) -> None:
    code_lists.publish_code_lists(cut)
    new_links.link_new(cut, "debtor")
    debtors.mark_dirty_debtors(cut, everything=everything, everyone=everyone)
    inbox.mark_dirty(cut, words)
    code_lists.publish_debtor_dimensions(cut)
    debtors.publish_debtors(cut)
    belongings.publish_belongings(cut)
    contacts.publish_contacts(cut, everything=everything, everyone=everyone)


def _documents(cut: Cut) -> None:
    kinds = cut.kinds()
    documents.stage_latest(cut)
    has_documents = documents.prepare_documents(cut)
    has_ledger = "ledger_entry" in kinds
    has_entries = has_ledger and ledger.merge_entries(cut)
    if has_entries or (
        has_ledger and has_documents and cut.exists("SELECT FROM engine.ledger_entry WHERE source = :source")
    ):
        ledger.resolve_entries(cut)
        ledger.enrich_documents(cut)
    documents.apply_facets(cut)
    orphans.hold_orphans(cut)
    if by_key := keyed_payments.are_told(cut):
        keyed_payments.publish(cut)
    documents.complete_amounts(cut)
    document_overrides.apply_to_incoming(cut)
    documents.merge_documents(cut)
    documents.merge_lines(cut)
    if has_entries:
        settlements.publish_payments(cut)
    if "application" in kinds:
        settlements.publish_applications(cut)
    documents.tombstone(cut, "document", "document")
    if by_key:
        documents.tombstone(cut, "payment", "payment")
    if "application" in kinds:
        documents.tombstone(cut, "application", "application")
        settlements.bury_deductions(cut)


def _close(source_run: SourceRun, cut: Cut) -> None:
    """What this cut took up is no longer waiting; what is gone is no longer odd. A batch is published when nothing of it waits."""
    for table in ("quarantine", "code_gap"):
        run_sql(
            cut.connection,
            f"""
            DELETE FROM engine.{table} q USING engine.source_record r, engine.stream s
            WHERE s.stream_id = r.stream_id AND s.source = :source AND r.dirty AND r.deleted_at IS NOT NULL AND q.stream_id = r.stream_id AND q.key = r.key
            """,
            source=source_run.source,
        )
    run_sql(
        cut.connection,
        """
        UPDATE engine.source_record r SET dirty = false FROM engine.stream s
        WHERE s.stream_id = r.stream_id AND s.source = :source AND r.dirty
        """,
        source=source_run.source,
    )
    run_sql(
        cut.connection,
        f"""
        UPDATE engine.lake_manifest m SET published_at = now() FROM engine.stream s
        WHERE s.stream_id = m.stream_id AND s.source = :source AND m.normalised_as IS NOT NULL AND m.published_at IS NULL
          AND NOT EXISTS (SELECT FROM {staged(source_run.source, "application")} a JOIN engine.source_record r USING (stream_id, key)
              WHERE a.batch_id = m.batch_id AND r.state = 0)
        """,
        source=source_run.source,
    )
