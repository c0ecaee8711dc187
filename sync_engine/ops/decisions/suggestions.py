"""Suggestions: the likest canonical records of what is not linked, scored, with what the score is made of. Never a link."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sync_engine.matching.ladder import SUGGEST_FROM, Known, suggest
from sync_engine.ops.decisions.names import is_known
from sync_engine.ops.decisions.operations import Entity
from sync_engine.ops.runs.source_run import Runtime
from sync_engine.store.db import transaction
from sync_engine.store.publishing.parties import (
    circumstances,
    labels,
    linked_parties,
    other_sources,
    unlinked_keys,
    unlinked_parties,
)


class Suggested(NamedTuple):
    """A canonical record that may be meant by a source record."""

    source: str
    key: str
    name: str | None
    record: str
    number: str | None
    label: str | None
    score: float
    evidence: dict[str, Any]


def suggestions(
    runtime: Runtime,
    source: str,
    *,
    entity: Entity = "debtor",
    keys: Sequence[str] | None = None,
    limit: int = 3,
    threshold: float = SUGGEST_FROM,
) -> list[Suggested]:
    """The best suggestions for the unlinked records of a source, or for some of them; the surest first. Raises ConfigurationError for an unknown source."""
    with transaction(runtime.store, "looking for likeness") as connection:
        is_known(connection, source)
        chosen = list(keys) if keys is not None else unlinked_keys(connection, entity, source)
        parties = [p._replace(within=None) for p in unlinked_parties(connection, entity, source, chosen)]
        known = Known(
            p._replace(within=None)
            for p in linked_parties(connection, entity, other_sources(connection, entity, source))
        )
        found = suggest(
            parties, known, circumstances(connection, entity, source), limit=limit, threshold=threshold
        )
        named, names = (
            labels(connection, entity, {s.canonical for s in found}),
            {p.key: p.name for p in parties},
        )
    suggested = [
        Suggested(
            source,
            s.key,
            names[s.key],
            s.canonical,
            *named.get(s.canonical, (None, None)),
            s.score,
            s.evidence,
        )
        for s in found
    ]
    return sorted(suggested, key=lambda s: (-s.score, s.key, s.record))
