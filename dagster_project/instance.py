"""Dagster's own instance on one machine: its folder, its settings, and the command that opens the UI."""

from __future__ import annotations

import hashlib
import os
import sys
from importlib.resources import files
from pathlib import Path

import dagster as dg

from sync_engine.platform.home import home, made

SETTINGS = "dagster.yaml"
SHIPPED_BEFORE = {"adb978ed6e6f41f807f4653eefc18a8a7a43794c7a9ab439516610d85b85bd32"}
"""Digests of earlier settings of ours: a home that has one of them was never edited, and takes the new ones."""


def instance_home() -> Path:
    """`SYNC_ENGINE_HOME/dagster`, to be used as DAGSTER_HOME: made, with settings, and with its tables.

    Settings that a person edited are left alone. The tables are made here once, because several processes that start together
    would all try to. Raises ConfigurationError.
    """
    folder = made(home() / "dagster", walked_through=False)
    settings = folder / SETTINGS
    if not settings.exists() or hashlib.sha256(settings.read_bytes()).hexdigest() in SHIPPED_BEFORE:
        settings.write_text(
            files("dagster_project").joinpath(SETTINGS).read_text(encoding="utf-8"), encoding="utf-8"
        )
    with dg.DagsterInstance.from_config(str(folder)) as instance:
        instance.get_runs_count()
    return folder


def ui_command(port: int = 3000) -> list[str]:
    """What opens the UI with its daemon on this machine only; run it with `ui_environment()`, in a session of its own."""
    return [
        sys.executable, "-m", "dagster", "dev", "--module-name", "dagster_project.definitions", "--host", "127.0.0.1", "--port", str(port),
        "--log-level", "warning", "--code-server-log-level", "warning",
    ]  # fmt: skip


def ui_environment() -> dict[str, str]:
    """This process's environment with DAGSTER_HOME."""
    return os.environ | {"DAGSTER_HOME": str(instance_home())}
