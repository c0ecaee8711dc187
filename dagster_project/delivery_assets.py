"""The asset of what is written back to a source."""

from collections.abc import Iterator

import dagster as dg

from dagster_project import delivery_checks, metadata
from dagster_project.asset_specs import Result, Shop, Told, op_name, pool_of, spec_of
from dagster_project.families import (
    FAMILIES,
    canonical_key,
    certificate_key,
    delivered_key,
)
from dagster_project.resources import OpenRuntime
from dagster_project.stage_step import (
    as_fields,
    conclude,
    is_followed,
    stage,
)
from sync_engine.config import SourceConfig
from sync_engine.stages.deliver import deliver

# No `from __future__ import annotations` in this module: Dagster reads the annotations of a step as they stand.


def delivered_asset(config: SourceConfig) -> dg.AssetsDefinition:
    """`<source>/delivered`, between the cut and its certificate, for a source with something `writable`."""
    key = delivered_key(config.source)
    spec = spec_of(
        config,
        key,
        f"Tells {config.source} what was decided otherwise than it says, of the fields that its YAML names under `writable`. Each record is read before "
        "it is written; what is refused stops nothing else.",
        kind="postgres",
        deps=[canonical_key(config.source, family) for family in FAMILIES],
    )

    @dg.multi_asset(
        name=op_name(key), specs=[spec], check_specs=delivery_checks.of_delivered(key), pool=pool_of(config)
    )
    def delivered(context: dg.AssetExecutionContext, runtime: Shop) -> Iterator[Result]:
        result, verdict = _deliver(context, config, runtime)
        yield result
        if verdict is not None:
            raise verdict

    return delivered


def _deliver(context: dg.AssetExecutionContext, config: SourceConfig, runtime: OpenRuntime) -> Told:
    with stage(context, config, runtime, asks_source=True) as source_run:
        done = deliver(source_run)
        for warning in (*source_run.warnings, *filter(None, [done.stopped])):
            context.log.warning(as_fields(warning))
        verdict = None if is_followed(context, [certificate_key(config.source)]) else conclude(source_run)
    return Result(
        metadata=metadata.about_delivery(done),
        check_results=delivery_checks.of_delivery(config, done.waiting),
    ), verdict


def after_cut(config: SourceConfig) -> list[dg.AssetKey]:
    """What follows the cut in a lane."""
    return [*([delivered_key(config.source)] if config.is_written else []), certificate_key(config.source)]
