"""A sensor that tells people what changed for the worse, or back: the daemon's own `sync-engine alerts send`."""

import dagster as dg

from dagster_project.stage_step import refusals_told
from sync_engine.ops.inspect import alerts
from sync_engine.ops.runs.environment import configured, open_store
from sync_engine.platform.clock import SystemClock

EVERY = 60
"""Seconds between two looks."""


def alert_sensor() -> dg.SensorDefinition:
    """Sends once per change of state; without an address it does nothing. It starts no run."""

    @dg.sensor(
        name="alerts",
        job_name=None,
        target=None,
        minimum_interval_seconds=EVERY,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Tells stale, failed and held sources, changed grades and new breaks to SYNC_ENGINE_ALERTS, once per change, and when it is over.",
    )
    def telling(_context: dg.SensorEvaluationContext) -> dg.SkipReason:
        if not alerts.addresses():
            return dg.SkipReason(f"{alerts.ADDRESSES} names no address.")
        with refusals_told():
            store = open_store()
            try:
                told = alerts.send(store, configured(), SystemClock())
            finally:
                store.dispose()
        return dg.SkipReason(
            " ".join(a.sentence for a in told.alerts) or "Nothing has changed since the last time."
        )

    return telling
