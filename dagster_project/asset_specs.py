"""What assets have in common: their specification, the pool they wait in, the name of their step."""

import dagster as dg

from dagster_project.resources import OpenRuntime
from sync_engine.config import SourceConfig

# No `from __future__ import annotations` in this module: Dagster reads the annotations of a step as they stand.
Shop = dg.ResourceParam[OpenRuntime]
"""What a step asks Dagster for: a way to open the store, the lake and the source."""
Result = dg.MaterializeResult[None]
Told = tuple[Result, dg.Failure | None]
"""What a step did, and the failure it ends with nevertheless."""


def pool_of(config: SourceConfig) -> str:
    """One caller per login at a time: sources that share a login name the same pool."""
    return config.pool or config.source


def spec_of(
    config: SourceConfig,
    key: dg.AssetKey,
    description: str,
    *,
    kind: str,
    deps: list[dg.AssetKey] | None = None,
    freshness: dg.FreshnessPolicy | None = None,
) -> dg.AssetSpec:
    """What assets have in common. What stands on nothing runs by the clock; the rest whenever something below it was renewed."""
    by_clock = dg.AutomationCondition.on_cron(config.schedule, config.time_zone)
    return dg.AssetSpec(
        key,
        deps=deps,
        description=description,
        group_name=config.source,
        kinds={config.connector, kind, key.path[1]},
        freshness_policy=freshness,
        tags={"sync_engine/role": config.role, "sync_engine/environment": config.environment},
        automation_condition=dg.AutomationCondition.eager() if deps else by_clock,
    )


def op_name(key: dg.AssetKey) -> str:
    """The name of the step that makes an asset: its key in one word."""
    return "__".join(key.path)
