"""The assets of one source: pulled and normalised families, the canonical cut, its certificate."""

import time
from collections.abc import Iterable, Iterator
from datetime import timedelta

import dagster as dg
from pydantic import Field

from dagster_project import checks, metadata
from dagster_project.asset_specs import Result, Shop, Told, op_name, pool_of, spec_of
from dagster_project.delivery_assets import after_cut, delivered_asset
from dagster_project.families import (
    FAMILIES,
    SPOKEN_OF,
    Family,
    canonical_key,
    certificate_key,
    delivered_key,
    normalised_key,
    pulled_key,
)
from dagster_project.resources import OpenRuntime
from dagster_project.stage_step import (
    as_fields,
    conclude,
    is_followed,
    may_retry,
    stage,
    unread,
)
from sync_engine.config import SourceConfig
from sync_engine.errors import ConfigurationError, SourceError, SyncError, TransientError, Unreachable
from sync_engine.stages.normalise import normalise, remember_version
from sync_engine.stages.publish import Published, publish
from sync_engine.stages.pull import Pulled
from sync_engine.stages.reconcile import reconcile
from sync_engine.stages.run import Unread, last_steps, pull_each
from sync_engine.stages.source_run import SourceRun
from sync_engine.store.db import transaction
from sync_engine.store.queries import source_status
from sync_engine.store.runs import close_run


class PullConfig(dg.Config):
    """How much to read, and whether a person has looked at what a sweep would delete."""

    full: bool = Field(False, description="Read everything again instead of what changed since the last run.")
    accept_deletes: bool = Field(
        False,
        description="Delete what a full sweep does not find, however much it is. Set it only after looking at the held sweep and into the source.",
    )


class PublishConfig(dg.Config):
    """Whether a person has looked at what the cut would move."""

    accept_moves: bool = Field(
        False,
        description="Publish portfolio moves even when more debtors would move than the configured share.",
    )


def lane_assets(config: SourceConfig) -> list[dg.AssetsDefinition]:
    """Every asset of the lane, a dozen steps."""
    families: list[Family] = list(FAMILIES)
    return [
        *(_pulled(config, f) for f in families),
        *(_normalised(config, f) for f in families),
        _canonical(config),
        *([delivered_asset(config)] if config.is_written else []),
        _certificate(config),
    ]


def _pulled(source: SourceConfig, family: Family) -> dg.AssetsDefinition:
    key = pulled_key(source.source, family)
    spec = spec_of(
        source,
        key,
        f"Reads {FAMILIES[family].holds} from {source.source} and lands what differs from the last time, byte for byte, in the lake. "
        "Safe to run at any time: it resumes where it stopped and lands nothing twice.",
        kind="lake",
    )

    @dg.multi_asset(
        name=op_name(key),
        specs=[spec],
        check_specs=checks.of_pulled(key),
        pool=pool_of(source),
        op_tags=_turn(family, reads=True),
    )
    def pulled(context: dg.AssetExecutionContext, config: PullConfig, runtime: Shop) -> Iterator[Result]:
        result, verdict = _pull(context, source, family, config, runtime)
        yield result
        if verdict is not None:
            raise verdict

    return pulled


def _pull(
    context: dg.AssetExecutionContext,
    config: SourceConfig,
    family: Family,
    how: PullConfig,
    runtime: OpenRuntime,
) -> Told:
    follows = [normalised_key(config.source, family), *_end(config)]
    with stage(
        context,
        config,
        runtime,
        asks_source=True,
        full=how.full,
        families=(family,),
        accept_deletes=how.accept_deletes,
    ) as source_run:
        streams = [entity for entity, of in source_run.to_pull().items() if of == family]
        failed = _pull_streams(context, source_run, streams, full=how.full)
        first = _worst(failed.values())
        if first is not None and may_retry(context, config, runtime, first):
            raise first
        if first is not None:
            runtime.silent.add(config.source)
        sweep = checks.sweep_not_suspiciously_small(source_run, streams)
        rows = {
            entity: row
            for (verb, entity), row in last_steps(source_run).items()
            if verb == "pull" and entity in streams
        }
        verdict = None
        if not sweep.passed:
            close_run(source_run.store, source_run.run_id, "held")
            verdict = dg.Failure(sweep.description, allow_retries=False)
        elif not is_followed(context, follows):
            verdict = conclude(source_run)
        every = checks.every_stream_was_read(unread(source_run), streams)
    return Result(metadata=metadata.about_pull(rows), check_results=[every, sweep]), verdict


def _worst(failed: Iterable[SourceError | TransientError]) -> TransientError | None:
    """Of what passes by itself, what says most of whether to ask again: that nobody is there, else the first."""
    passing = [error for error in failed if isinstance(error, TransientError)]
    return next((error for error in passing if isinstance(error, Unreachable)), next(iter(passing), None))


def _pull_streams(
    context: dg.AssetExecutionContext, source_run: SourceRun, streams: list[str], *, full: bool
) -> dict[str, Unread]:
    """Pulls each stream; one that fails does not stop the others. A retried step does not repeat what worked."""
    done = (
        {
            entity
            for (verb, entity), row in last_steps(source_run).items()
            if verb == "pull" and row["outcome"] != "failed"
        }
        if context.retry_number
        else set()
    )

    def told(entity: str, became: Pulled | Unread) -> None:
        if isinstance(became, SyncError):
            context.log.warning(str(became))
        else:
            counts = became.counts
            context.log.info(
                "%s: %d read, %d differ, %d gone", entity, counts.read, counts.changed, counts.deleted
            )

    failed = pull_each(source_run, [e for e in streams if e not in done], full=full, listener=told)
    for entity, note in source_run.notes.items():
        context.log.warning("%s: %s", entity, note)
    for warning in source_run.warnings:
        context.log.warning(as_fields(warning))
    return failed


def _normalised(config: SourceConfig, family: Family) -> dg.AssetsDefinition:
    key = normalised_key(config.source, family)
    spec = spec_of(
        config,
        key,
        f"Turns landed {FAMILIES[family].holds} into what they mean, by the mapping of {config.connector}. A record that cannot be used is put "
        "aside with its reason and tried again when it, its parent or the mapping changes. Does not ask the source.",
        kind="postgres",
        deps=[pulled_key(config.source, family)],
    )

    @dg.multi_asset(
        name=op_name(key),
        specs=[spec],
        check_specs=checks.of_normalised(key),
        op_tags=_turn(family, reads=False),
    )
    def normalised(context: dg.AssetExecutionContext, runtime: Shop) -> Iterator[Result]:
        yield _normalise(context, config, family, runtime)

    return normalised


def _normalise(
    context: dg.AssetExecutionContext, config: SourceConfig, family: Family, runtime: OpenRuntime
) -> Result:
    started = time.perf_counter()
    with stage(context, config, runtime) as source_run:
        streams = [entity for entity, row in source_run.streams().items() if row.family == family]
        done = [normalise(source_run, entity) for entity in streams]
        for one in done:
            if one.damage is not None:
                context.log.warning(as_fields(str(one.damage)))
        results = [
            checks.nothing_quarantined(source_run, streams),
            checks.no_code_gaps(source_run, streams),
            checks.landed_files_are_whole(source_run, streams),
        ]
        verdict = None if is_followed(context, _end(config)) else conclude(source_run)
    if verdict is not None:
        raise verdict
    return Result(
        metadata=metadata.about_normalised(done, time.perf_counter() - started), check_results=results
    )


def _canonical(source: SourceConfig) -> dg.AssetsDefinition:
    freshness = dg.FreshnessPolicy.time_window(
        fail_window=timedelta(hours=source.freshness_hours),
        warn_window=timedelta(hours=source.freshness_hours / 2),
    )
    specs = [
        spec_of(
            source,
            canonical_key(source.source, family),
            f"{facts.canonical[0].upper()}{facts.canonical[1:]}, as other applications read them. All canonical assets of {source.source} are one cut: "
            "one transaction, so readers see all of it or nothing of it.",
            kind="postgres",
            deps=[normalised_key(source.source, read) for read in facts.reads],
            freshness=freshness,
        )
        for family, facts in FAMILIES.items()
    ]
    asked = [
        spec
        for family, entity in SPOKEN_OF.items()
        for spec in checks.of_canonical_people(canonical_key(source.source, family), entity)
    ]
    asked += checks.of_canonical_documents(canonical_key(source.source, "documents"))

    @dg.multi_asset(name=f"{source.source}__canonical", specs=specs, check_specs=asked)
    def canonical(
        context: dg.AssetExecutionContext, config: PublishConfig, runtime: Shop
    ) -> Iterator[Result]:
        yield from _publish(context, source, config, runtime)

    return canonical


def _publish(
    context: dg.AssetExecutionContext, config: SourceConfig, how: PublishConfig, runtime: OpenRuntime
) -> list[Result]:
    started = time.perf_counter()
    with stage(context, config, runtime, accept_moves=how.accept_moves) as source_run:
        _refuse_an_empty_reading(source_run)
        remember_version(source_run)
        published = publish(source_run)
        seconds = time.perf_counter() - started
        for warning in source_run.warnings:
            context.log.warning(as_fields(warning))
        answers = _answers(source_run, published)
        verdict = None if is_followed(context, after_cut(config)) else conclude(source_run, published.cut_id)
    context.log.info(
        "Cut %d: %s.",
        published.cut_id,
        f"{published.changes} changes" if published.changes else "nothing changed",
    )
    if verdict is not None:
        raise verdict
    results: list[Result] = []
    for family, facts in FAMILIES.items():
        key = canonical_key(config.source, family)
        facts_shown = metadata.about_cut(published, facts.tables, certificate_key(config.source)) | {
            "seconds for the whole cut": round(seconds, 2)
        }
        results.append(Result(asset_key=key, metadata=facts_shown, check_results=answers[family]))
    return results


def _answers(source_run: SourceRun, published: Published) -> dict[Family, list[dg.AssetCheckResult]]:
    """The checks of the canonical assets, by family."""
    found: dict[Family, list[dg.AssetCheckResult]] = {family: [] for family in FAMILIES}
    documents = canonical_key(source_run.source, "documents")
    found["documents"].append(checks.every_document_has_its_debtor(published, documents, source_run.source))
    for family, entity in SPOKEN_OF.items():
        key = canonical_key(source_run.source, family)
        found[family] += [
            checks.ambiguous_links(source_run, key, entity),
            checks.overruled_by_entity(source_run, key, entity),
        ]
    return found


def _refuse_an_empty_reading(source_run: SourceRun) -> None:
    """A cut says as of when its figures are: without any answer from the source it would say so falsely."""
    pulls = [row for (verb, _), row in last_steps(source_run).items() if verb == "pull"]
    if pulls and all(row["outcome"] == "failed" for row in pulls):
        raise SourceError(
            "nothing could be read, so nothing is published",
            whose=source_run.source,
            todo=str(pulls[0]["error"]),
        )


def _certificate(config: SourceConfig) -> dg.AssetsDefinition:
    key = certificate_key(config.source)
    spec = spec_of(
        config,
        key,
        f"What the last cut of {config.source} proves: counts and totals the source states about itself against the canonical store, check by check, "
        "and a grade. The last step of a run: it is red when a stream could not be read or the grade is C or D, even though the cut is published.",
        kind="postgres",
        deps=[
            *(canonical_key(config.source, family) for family in FAMILIES),
            *([delivered_key(config.source)] if config.is_written else []),
        ],
    )

    @dg.multi_asset(
        name=op_name(key), specs=[spec], check_specs=checks.of_certificate(key), pool=pool_of(config)
    )
    def certificate(context: dg.AssetExecutionContext, runtime: Shop) -> Iterator[Result]:
        result, verdict = _certify(context, config, runtime)
        yield result
        if verdict is not None:
            raise verdict

    return certificate


def _certify(context: dg.AssetExecutionContext, config: SourceConfig, runtime: OpenRuntime) -> Told:
    with stage(context, config, runtime, asks_source=True) as source_run:
        with transaction(source_run.store, "looking for the last cut") as connection:
            last = [
                state.cut_id
                for state in source_status.sources(connection, config.source)
                if state.cut_id is not None
            ]
        if not last:
            raise ConfigurationError(
                "there is no cut to certify",
                whose=config.source,
                todo="Materialise the canonical assets first.",
            )
        certificate = reconcile(source_run, last[0])
        verdict = conclude(source_run, last[0], certificate)
    return Result(
        metadata=metadata.about_certificate(certificate), check_results=checks.of_certified(certificate)
    ), verdict


def _end(config: SourceConfig) -> list[dg.AssetKey]:
    return [*(canonical_key(config.source, family) for family in FAMILIES), *after_cut(config)]


def _turn(family: Family, *, reads: bool) -> dict[str, str]:
    """Parents before children, and all reading before any normalising: the families of one cut are read close together."""
    place = len(FAMILIES) - list(FAMILIES).index(family)
    return {"dagster/priority": str(place + (len(FAMILIES) if reads else 0))}
