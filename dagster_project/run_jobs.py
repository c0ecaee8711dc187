"""What people launch: the lane, everything again, one entity, one debtor. Their Launchpad forms say what they do."""

from typing import TYPE_CHECKING
from uuid import UUID

import dagster as dg
from pydantic import Field

from dagster_project import metadata
from dagster_project.asset_specs import Shop, pool_of
from dagster_project.decision_jobs import QUOTED
from dagster_project.families import FAMILIES, Family, canonical_key, certificate_key
from dagster_project.resources import OpenRuntime
from dagster_project.stage_step import SOURCE_TAG, as_fields, failures_told, progress_of, triggered_by
from sync_engine.config import SourceConfig
from sync_engine.ops.runs.first_run import plan_first_run
from sync_engine.ops.runs.rehearsal import rehearse_debtor
from sync_engine.ops.runs.source_run import Ran, run_source

if TYPE_CHECKING:  # what define_asset_job returns has no public name
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition


class OneEntity(dg.Config):
    """One family of a source, read now."""

    family: Family = Field(description="What to read: dimensions, debtors, contacts, documents or payments.")
    full: bool = Field(False, description="Read all of it again instead of what changed since the last run.")
    accept_deletes: bool = Field(
        False,
        description="Delete what a full sweep does not find, however much it is. Only after looking at the held sweep.",
    )


class OneDebtor(dg.Config):
    """One debtor with everything that belongs to it, read now."""

    debtor: str = Field(
        min_length=1,
        description=f"The debtor's number as the ERP shows it, or its id there; never read before: the id. {QUOTED}",
    )
    dry_run: bool = Field(
        False, description="Show what would change, and change nothing: no file is landed, no row is written."
    )


class WholeLane(dg.Config):
    """What a person may decide about a run of the whole lane."""

    accept_deletes: bool = Field(
        False,
        description="Delete what full sweeps do not find, however much it is. Only after looking at the held sweep and into the source.",
    )
    accept_moves: bool = Field(
        False,
        description="Publish portfolio moves even when more debtors would move than the configured share.",
    )


def source_jobs(config: SourceConfig) -> "list[dg.JobDefinition | UnresolvedAssetJobDefinition]":
    """Every job of a source."""
    return [
        _lane(config),
        _full_resync(config),
        _one_entity(config),
        _one_debtor(config),
        _first_run_plan(config),
    ]


def _tags(config: SourceConfig) -> dict[str, str]:
    return {SOURCE_TAG: config.source}


def _lane(config: SourceConfig) -> "UnresolvedAssetJobDefinition":
    return dg.define_asset_job(
        f"{config.source}_lane",
        dg.AssetSelection.groups(config.source),
        tags=_tags(config),
        executor_def=dg.in_process_executor,
        config=_decisions(config, full=False),
        description=f"Reads what changed in {config.source}, publishes it in one cut and certifies the cut. The same that its schedule runs; "
        "safe to launch at any time.",
    )


def _full_resync(config: SourceConfig) -> "UnresolvedAssetJobDefinition":
    return dg.define_asset_job(
        f"{config.source}_full_resync",
        dg.AssetSelection.groups(config.source),
        tags=_tags(config),
        executor_def=dg.in_process_executor,
        config=_decisions(config, full=True),
        description=f"Reads everything in {config.source} again and finds what was deleted there. Takes as long as the first load; "
        "what did not change costs no write.",
    )


def _decisions(config: SourceConfig, *, full: bool) -> dg.ConfigMapping:
    """One short form instead of a page of steps."""

    @dg.config_mapping
    def decisions(given: WholeLane) -> dict[str, object]:
        pulls = {
            f"{config.source}__pulled__{family}": {
                "config": {"full": full, "accept_deletes": given.accept_deletes}
            }
            for family in FAMILIES
        }
        return {
            "ops": {**pulls, f"{config.source}__canonical": {"config": {"accept_moves": given.accept_moves}}}
        }

    return decisions


def _one_entity(source: SourceConfig) -> dg.JobDefinition:
    @dg.op(
        name=f"{source.source}__read_one_entity",
        pool=pool_of(source),
        description="Pull, normalise, publish and certify in one step.",
    )
    def read_one_entity(context: dg.OpExecutionContext, config: OneEntity, runtime: Shop) -> None:
        _run(
            context,
            source,
            runtime,
            entities=(config.family,),
            full=config.full,
            accept_deletes=config.accept_deletes,
        )

    @dg.config_mapping
    def form(given: OneEntity) -> dict[str, object]:
        return {"ops": {read_one_entity.name: {"config": given.model_dump()}}}

    @dg.job(
        name=f"{source.source}_one_entity",
        tags=_tags(source),
        executor_def=dg.in_process_executor,
        config=form,
        description=f"Reads one family of {source.source} now and publishes it.",
    )
    def one_entity() -> None:
        read_one_entity()

    return one_entity


def _one_debtor(source: SourceConfig) -> dg.JobDefinition:
    @dg.op(
        name=f"{source.source}__read_one_debtor",
        pool=pool_of(source),
        description="Pull, normalise, publish and certify in one step.",
    )
    def read_one_debtor(context: dg.OpExecutionContext, config: OneDebtor, runtime: Shop) -> None:
        if config.dry_run:
            _rehearse(context, source, runtime, config.debtor)
        else:
            _run(context, source, runtime, debtor=config.debtor)

    @dg.config_mapping
    def form(given: OneDebtor) -> dict[str, object]:
        return {"ops": {read_one_debtor.name: {"config": given.model_dump()}}}

    @dg.job(
        name=f"{source.source}_one_debtor",
        tags=_tags(source),
        executor_def=dg.in_process_executor,
        config=form,
        description=f"Reads one debtor of {source.source} now, with its contacts, open documents, ledger entries and dimensions, and publishes it. "
        "As a dry run it shows the difference and changes nothing.",
    )
    def one_debtor() -> None:
        read_one_debtor()

    return one_debtor


def _first_run_plan(source: SourceConfig) -> dg.JobDefinition:
    @dg.op(
        name=f"{source.source}__plan_first_run",
        pool=pool_of(source),
        description="Reads the debtors, compares them with what is there, and takes everything back.",
    )
    def plan(context: dg.OpExecutionContext, runtime: Shop) -> None:
        with failures_told(context, source, runtime):
            found = plan_first_run(
                runtime.runtime, source, wait=True, progress=progress_of(context), actor="dagster"
            )
        context.add_output_metadata(metadata.about_first_run(found))

    @dg.job(
        name=f"{source.source}_first_run_plan",
        tags=_tags(source),
        executor_def=dg.in_process_executor,
        description=f"Tells what a first run of {source.source} would make of its debtors: new, known already, in doubt, twice in the source itself. "
        "Nothing is landed and no row is written.",
    )
    def first_run_plan() -> None:
        plan()

    return first_run_plan


def _rehearse(
    context: dg.OpExecutionContext, config: SourceConfig, runtime: OpenRuntime, debtor: str
) -> None:
    """The difference as a table. Nothing of the rehearsal is a run of the engine."""
    with failures_told(context, config, runtime):
        found = rehearse_debtor(
            runtime.runtime, config, debtor, wait=True, progress=progress_of(context), actor="dagster"
        )
    for warning in found.warnings:
        context.log.warning(as_fields(warning))
    context.add_output_metadata(metadata.about_rehearsal(found))


def _run(
    context: dg.OpExecutionContext,
    config: SourceConfig,
    runtime: OpenRuntime,
    *,
    entities: tuple[str, ...] = (),
    debtor: str | None = None,
    full: bool = False,
    accept_deletes: bool = False,
) -> None:
    with failures_told(context, config, runtime):
        ran = run_source(
            runtime.runtime,
            config,
            entities=entities,
            debtor=debtor,
            full=full,
            accept_deletes=accept_deletes,
            triggered_by=triggered_by(context),
            wait=True,
            progress=progress_of(context),
            actor="dagster",
            run_id=UUID(context.run.run_id),
        )
    for entity, note in ran.notes.items():
        context.log.warning("%s: %s", entity, note)
    for warning in ran.warnings:
        context.log.warning(as_fields(warning))
    _tell(context, config, ran)
    if ran.failures:
        said = "\n".join(as_fields(str(error)) for error in ran.failures.values())
        raise dg.Failure(said, metadata={"not read": ", ".join(ran.failures)}, allow_retries=False)
    if ran.outcome == "partial" and ran.certificate is not None:
        raise dg.Failure(
            ran.certificate.sentence, metadata=metadata.graded(ran.certificate), allow_retries=False
        )


def _tell(context: dg.OpExecutionContext, config: SourceConfig, ran: Ran) -> None:
    """Observations, not materialisations: these runs do not make the whole asset fresh, and nothing has to follow them."""
    if ran.published is not None:
        for family, facts in FAMILIES.items():
            about = metadata.about_cut(ran.published, facts.tables, certificate_key(config.source))
            context.log_event(dg.AssetObservation(canonical_key(config.source, family), metadata=about))
        context.add_output_metadata(
            {"cut": ran.published.cut_id, "changes": ran.published.changes, **_graded(ran)}
        )
    if ran.certificate is not None:
        context.log_event(
            dg.AssetObservation(
                certificate_key(config.source), metadata=metadata.about_certificate(ran.certificate)
            )
        )


def _graded(ran: Ran) -> metadata.Metadata:
    return {} if ran.certificate is None else metadata.graded(ran.certificate)
