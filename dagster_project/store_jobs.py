"""What people do besides deciding who is who: try quarantined records again, replay a source from the lake, import a file and take it back."""

from pathlib import Path
from typing import Literal
from uuid import UUID

import dagster as dg
from pydantic import Field

from dagster_project.asset_specs import Shop
from dagster_project.decision_jobs import QUOTED, WAIT, WHO, WHY, one_step_job
from dagster_project.metadata import Metadata, table
from dagster_project.plan_metadata import about_import
from dagster_project.stage_step import SOURCE_TAG, as_fields, progress_of, refusals_told, triggered_by
from sync_engine.ops import imports
from sync_engine.ops.runs import quarantine
from sync_engine.ops.runs.environment import source_named
from sync_engine.ops.runs.lake_verification import verify
from sync_engine.ops.runs.replay import replay_source
from sync_engine.ops.runs.source_run import Ran
from sync_engine.ops.sources import offers

# No `from __future__ import annotations` in this module: Dagster reads the annotations of a step as they stand.
Kind = Literal[
    "owners", "portfolios", "positions", "primary", "groups", "debtor-tags", "invoice-tags", "persons"
]


class RetryQuarantined(dg.Config):
    """Quarantined records that get another try."""

    source: str | None = Field(None, description="Only this source.")
    entity: str | None = Field(None, description="Only this wire entity or family, for example documents.")
    key: str | None = Field(
        None,
        description=f"Only this record: its key, or its number in `sync-engine quarantine list`. {QUOTED}",
    )
    everything: bool = Field(False, description="Every record in quarantine.")


class Replay(dg.Config):
    """A source that is normalised again from the lake."""

    source: str = Field(description="Name of the source.")
    entities: list[str] = Field([], description="Only these wire entities or families. Left empty: all.")
    accept_moves: bool = Field(
        False,
        description="Publish portfolio moves even when more debtors would move than the configured share.",
    )
    wait: bool = WAIT


class VerifyLake(dg.Config):
    """Landed files that are compared with what was landed."""

    source: str | None = Field(None, description="Only this source. Left empty: everything that landed.")


class ImportFile(dg.Config):
    """A file that people made."""

    kind: Kind = Field(
        description="What the file says: owners, portfolios, positions, primary, groups, debtor-tags, invoice-tags or persons."
    )
    file: str = Field(
        description="CSV in any delimiter and encoding, or Excel, that the machine of this run can read."
    )
    apply: bool = Field(
        False,
        description="Import the good rows. Left false, nothing changes: every row is judged and counted.",
    )
    primary: bool = Field(
        True, description="For kind primary: whether the file says who is (true) or who is not (false)."
    )
    who: str = WHO
    why: str = WHY


class UndoImport(dg.Config):
    """An import that is taken back."""

    number: int = Field(description="Number of the import, as its run or `sync-engine import list` shows it.")
    who: str = WHO
    why: str = WHY


class AcceptMissing(dg.Config):
    """What a source offered and does not any more is given up."""

    source: str = Field(description="Name of the source.")
    entities: list[str] = Field([], description="Only these wire entities. Left empty: all that are missing.")
    apply: bool = Field(
        False, description="Accept it. Left false, what is missing is shown and nothing changes."
    )
    who: str = WHO
    why: str = WHY


def store_jobs() -> list[dg.JobDefinition]:
    """Every one of these jobs."""
    return [
        one_step_job("ops_retry_quarantined", _retry, RetryQuarantined, "Lets the next run of their source try quarantined records again, without waiting for "
                     "the record, its parent or the mapping to change. Launch the lane afterwards, or wait for its schedule."),
        one_step_job("ops_replay", _replay, Replay, "Normalises everything a source has landed again and publishes what comes out otherwise. Does not ask the "
                     "source; where nothing differs nothing is written. The next run of the lane certifies it."),
        one_step_job("ops_verify_lake", _verify_lake, VerifyLake, "Compares every landed file with what was landed: missing, cut short, altered; and lists "
                     "files of no batch. Fails while living records lie in a damaged file; the full resync of their source lands them again."),
        one_step_job("ops_import", _import, ImportFile, "Imports a file people made: owners, portfolios, positions, primary contacts, groups, tags, persons. "
                     "Good rows are applied, bad ones refused. Only judges the rows, unless told to apply."),
        one_step_job("ops_accept_missing", _accept, AcceptMissing, "Shows what a source offered before and does not any more: a page, a permission, a field. "
                     "Accepted, its runs do without it, and a ledger is read by the next best route. Only shows, unless told to apply."),
        one_step_job("ops_undo_import", _undo_import, UndoImport, "Takes an import back. What somebody decided again since stays as it is."),
    ]  # fmt: skip


@dg.op(name="retry_quarantined", description="Marks the records; the next run of their source tries them.")
def _retry(context: dg.OpExecutionContext, config: RetryQuarantined, runtime: Shop) -> None:
    with refusals_told():
        found = quarantine.retry(
            runtime.runtime.store,
            key=config.key,
            source=config.source,
            entity=config.entity,
            everything=config.everything,
        )
    rows = [
        {"source": r.source, "stream": r.entity, "key": r.key, "stage": r.stage, "attempts": r.attempts}
        for r in found[:100]
    ]
    shown = table(rows, source="string", stream="string", key="string", stage="string", attempts="int")
    lanes = ", ".join(sorted({f"{r.source}_lane" for r in found}))
    context.add_output_metadata(
        {
            "records": len(found),
            "next": f"Launch {lanes}, or wait for its schedule.",
            "to be tried again": shown,
        }
    )


@dg.op(name="replay", description="Normalises from the lake and publishes one cut.")
def _replay(context: dg.OpExecutionContext, config: Replay, runtime: Shop) -> None:
    with refusals_told():
        ran = replay_source(
            runtime.runtime,
            source_named(config.source),
            entities=tuple(config.entities),
            wait=config.wait,
            accept_moves=config.accept_moves,
            triggered_by=triggered_by(context),
            progress=progress_of(context),
            actor="dagster",
            run_id=UUID(context.run.run_id),
        )
    context.instance.add_run_tags(context.run_id, {SOURCE_TAG: config.source})
    for warning in ran.warnings:
        context.log.warning(as_fields(warning))
    context.add_output_metadata(_about_replay(ran))
    if ran.failures:
        raise dg.Failure(as_fields("\n".join(map(str, ran.failures.values()))), allow_retries=False)
    if ran.outcome == "partial":
        raise dg.Failure(as_fields(ran.warnings[-1]), allow_retries=False)


def _about_replay(ran: Ran) -> Metadata:
    assert ran.published is not None
    counts = ran.published.counts
    rows = [
        {"table": name, **{verb: int(row.get(verb, 0)) for verb in ("created", "updated", "deleted")}}
        for name, row in counts.items()
    ]
    written = [row for row in rows if row["created"] or row["updated"] or row["deleted"]]
    shown = (
        {"tables": table(written, table="string", created="int", updated="int", deleted="int")}
        if written
        else {}
    )
    return {"cut": ran.published.cut_id, "changes": ran.published.changes, **shown}


@dg.op(name="verify_lake", description="Reads every landed file; what it finds is noted at the batch.")
def _verify_lake(context: dg.OpExecutionContext, config: VerifyLake, runtime: Shop) -> None:
    with refusals_told():
        found = verify(runtime.runtime.store, runtime.runtime.lake, config.source, progress_of(context))
    rows = [
        {
            "source": b.source,
            "stream": b.entity,
            "file": b.path,
            "damage": b.damage or "",
            "records": b.needed,
        }
        for b in found.damaged[:100]
    ]
    shown = (
        {
            "damaged": table(
                rows, source="string", stream="string", file="string", damage="string", records="int"
            )
        }
        if rows
        else {}
    )
    told: Metadata = {
        "files": found.files,
        "damaged and not needed": len(found.lost),
        "files of no batch": len(found.orphans),
        **shown,
    }
    if found.damaged:
        raise dg.Failure(as_fields("\n".join(found.told)), metadata=told, allow_retries=False)
    context.add_output_metadata(told)


@dg.op(name="import_file", description="Judges every row, and applies the good ones when told to.")
def _import(context: dg.OpExecutionContext, config: ImportFile, runtime: Shop) -> None:
    store, file = runtime.runtime.store, Path(config.file)
    with refusals_told():
        if config.apply:
            report = imports.apply_import(
                store,
                config.kind,
                file,
                who=config.who,
                clock=runtime.runtime.clock,
                why=config.why or None,
                primary=config.primary,
            )
        else:
            report = imports.plan_import(store, config.kind, file, primary=config.primary)
    context.add_output_metadata(about_import(report, is_applied=config.apply))


@dg.op(name="undo_import", description="Puts every decision of the import back as it was.")
def _undo_import(context: dg.OpExecutionContext, config: UndoImport, runtime: Shop) -> None:
    with refusals_told():
        undone = imports.undo_import(
            runtime.runtime.store,
            config.number,
            who=config.who,
            clock=runtime.runtime.clock,
            why=config.why or None,
        )
    rows = [
        {"line": x.line, "entity": x.entity, "record": str(x.record_id), "field": x.field}
        for x in undone.left[:100]
    ]
    left = (
        {"left as they are": table(rows, line="int", entity="string", record="string", field="string")}
        if rows
        else {}
    )
    context.add_output_metadata({"decisions put back": undone.restored, **left})


@dg.op(name="accept_missing", description="Shows what is missing, and accepts it when told to.")
def _accept(context: dg.OpExecutionContext, config: AcceptMissing, runtime: Shop) -> None:
    store = runtime.runtime.store
    with refusals_told():
        if config.apply:
            found = offers.accept(
                store, config.source, config.entities, by=config.who, why=config.why or None
            )
        else:
            found = offers.missing(store, config.source)
    rows = [{"stream": one.entity, "since": str(one.since), "why": one.why} for one in found]
    shown = {"missing": table(rows, stream="string", since="string", why="string")} if rows else {}
    context.add_output_metadata({"accepted" if config.apply else "could be accepted": len(found), **shown})
