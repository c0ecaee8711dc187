"""A sensor that starts a lane when its source was heard of. The schedule goes on as if it were not there."""

from datetime import UTC, datetime

import dagster as dg

from dagster_project.stage_step import SOURCE_TAG
from sync_engine.config import SourceConfig
from sync_engine.platform import notifications

EVERY = 30
"""Seconds between two looks; Business Central itself waits 30 s before it tells."""
_AT_WORK = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def waking_sensor(config: SourceConfig) -> dg.SensorDefinition:
    """Runs the lane for what was heard since the last time; while a run of the source goes on, hints wait for its end."""

    @dg.sensor(
        name=f"{config.source}_hints",
        job_name=f"{config.source}_lane",
        minimum_interval_seconds=EVERY,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Starts {config.source} early when it told that something changed (`sync-engine hints serve` receives it).",
    )
    def woken(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        if context.cursor:  # the run for these was asked for and recorded with the last look
            notifications.take(config.source, datetime.fromisoformat(context.cursor))
        heard = notifications.waiting(config.source)
        if not heard:
            return dg.SkipReason(f"{config.source} has told nothing new.")
        at_work = dg.RunsFilter(statuses=_AT_WORK, tags={SOURCE_TAG: config.source})
        if context.instance.get_runs(at_work, limit=1):
            return dg.SkipReason(f"A run of {config.source} goes on; what was heard is looked at after it.")
        last = max(heard.values()).astimezone(UTC).isoformat()
        request = dg.RunRequest(
            run_key=last, tags={SOURCE_TAG: config.source, "sync_engine/heard_of": ", ".join(sorted(heard))}
        )
        return dg.SensorResult(run_requests=[request], cursor=last)

    return woken
