"""reconcile: asks the source for its own figures and certifies a cut against them."""

from __future__ import annotations

import time

from sync_engine.errors import AuthenticationFailed, SourceError, TransientError
from sync_engine.ports import StatesTotals
from sync_engine.records import ControlTotal
from sync_engine.stages.source_run import SourceRun
from sync_engine.store import controls
from sync_engine.store.controls import Certificate
from sync_engine.store.db import transaction
from sync_engine.store.runs import Counts, record_step


def reconcile(source_run: SourceRun, cut_id: int) -> Certificate:
    """Certifies a cut. A figure that cannot be had makes its checks not answerable and says why; it never fails the run.

    Raises StoreError. The source is asked before the transaction opens, so a slow ERP holds no lock.
    """
    started, calls = time.perf_counter(), source_run.calls
    totals, unanswered = stated_totals(source_run)
    untold = {
        entity: stream.untold for entity, stream in source_run.connector.streams.items() if stream.untold
    }
    with transaction(source_run.store, "certifying the cut") as connection:
        certificate = controls.reconcile(
            connection,
            source_run.source,
            source_run.run_id,
            cut_id,
            totals,
            unanswered=unanswered,
            untold=untold,
            beside=source_run.store,
            allowed_missing=source_run.config.missing.share,
        )
    counts = Counts(read=len(totals), changed=len(totals), calls=source_run.calls - calls)
    record_step(
        source_run.store,
        source_run.run_id,
        "reconcile",
        "cut",
        "succeeded",
        time.perf_counter() - started,
        counts,
    )
    return certificate


def stated_totals(source_run: SourceRun) -> tuple[list[ControlTotal], dict[str, str]]:
    """What the source states about each entity, and for the entities it did not answer, why."""
    totals: list[ControlTotal] = []
    unanswered: dict[str, str] = {}
    connector = source_run.connector
    if not isinstance(connector, StatesTotals):
        return totals, unanswered
    for entity in connector.streams:
        try:
            totals.extend(connector.totals(entity))
        except AuthenticationFailed as refusal:  # every further question would be refused the same way
            unanswered[entity] = str(refusal)
            break
        except (SourceError, TransientError) as error:
            unanswered[entity] = str(error)
        source_run.progress("reconcile", entity, len(totals))
    return totals, unanswered
