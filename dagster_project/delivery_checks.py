"""Checks of what is written back: nothing was refused, nothing waits too long."""

from __future__ import annotations

from datetime import timedelta

import dagster as dg

from dagster_project.checks import WARN, failed, passed
from dagster_project.metadata import Metadata, counted
from sync_engine.config import SourceConfig
from sync_engine.store.outbox.reading import Waiting

NOTHING_REFUSED = "nothing_refused"
NOTHING_WAITS_TOO_LONG = "nothing_waits_too_long"


def of_delivered(key: dg.AssetKey) -> list[dg.AssetCheckSpec]:
    """The checks of what is written back."""
    refused = "The source took everything that it was told. What it refused is left alone until something else is wanted, or a person tries it again."
    late = "Nothing waits to be written for longer than the source may go unread: not for an answer, not for its echo, not for a person."
    return [
        dg.AssetCheckSpec(NOTHING_REFUSED, asset=key, description=refused),
        dg.AssetCheckSpec(NOTHING_WAITS_TOO_LONG, asset=key, description=late),
    ]


def of_delivery(config: SourceConfig, waiting: Waiting) -> list[dg.AssetCheckResult]:
    """The answers to the checks of what is written back."""
    see = f"See them, with what was answered: sync-engine outbox list {config.source}"
    figures: Metadata = {
        "refused": waiting.refused,
        "wait for a person": waiting.held,
        "not answered": waiting.unknown,
        "waiting": waiting.pending,
    }
    refused = (
        failed(
            NOTHING_REFUSED,
            WARN,
            f"{counted(waiting.refused, 'write is', 'writes are')} refused. {see}",
            figures,
        )
        if waiting.refused
        else passed(NOTHING_REFUSED, WARN, "No write is refused.", figures)
    )
    is_late = waiting.is_late(timedelta(hours=config.freshness_hours))
    late = (
        failed(
            NOTHING_WAITS_TOO_LONG,
            WARN,
            f"The oldest write has waited for {(waiting.age or 0) // 3600} hours. {see}",
            figures,
        )
        if is_late
        else passed(NOTHING_WAITS_TOO_LONG, WARN, "No write waits too long.", figures)
    )
    return [refused, late]
