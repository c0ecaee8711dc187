"""A lane without a server: a job of a source executed in this process, for the demo, for tests, for a shell."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Literal

import dagster as dg

from dagster_project.definitions import load
from sync_engine.errors import ConfigurationError
from sync_engine.platform.home import defs_folder

Job = Literal["lane", "full_resync", "one_entity", "one_debtor"]
QUIET = {"python_logs": {"python_log_level": "CRITICAL"}, "telemetry": {"enabled": False}}


def run_lane(
    source: str,
    *,
    job: Job = "lane",
    run_config: Mapping[str, Any] | None = None,
    folder: Path | None = None,
    instance: dg.DagsterInstance | None = None,
) -> dg.ExecuteInProcessResult:
    """Executes `<source>_<job>` here and returns Dagster's result; a failed run is a result, not an exception.

    `run_config` is the job's form: `{"accept_deletes": True}`, `{"family": "contacts", "full": True}`, `{"debtor": "10040"}`.
    `folder` is the defs folder (the configured one by default). Without an instance nothing is logged, and nothing kept of the
    run but what the engine itself stores. Raises ConfigurationError for a source nobody configured.
    """
    loaded = load(folder or defs_folder())
    known = [name for name in (job.name for job in loaded.resolve_all_job_defs()) if name.endswith(f"_{job}")]
    if f"{source}_{job}" not in known:
        raise ConfigurationError(
            f"there is no job {source}_{job}", todo=f"There are: {', '.join(sorted(known)) or 'none'}."
        )
    chosen = loaded.resolve_job_def(f"{source}_{job}")
    with dg.DagsterInstance.ephemeral(settings=QUIET) if instance is None else nullcontext(instance) as where:
        return chosen.execute_in_process(
            run_config=dict(run_config or {}), instance=where, raise_on_error=False
        )
