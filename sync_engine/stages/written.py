"""Which fields of a source are written back: what its YAML names, and its connector and its mapping can both say."""

from __future__ import annotations

from collections.abc import Iterable

from sync_engine.config import SourceConfig
from sync_engine.errors import ConfigurationError
from sync_engine.ownership.directions import PARTIES
from sync_engine.ports import Connector, Normaliser, WritesBack, WritesFields
from sync_engine.records import Stream

Written = dict[str, dict[str, str]]
"""Canonical entity -> field -> strategy."""


def unheard(config: SourceConfig) -> dict[str, list[str]]:
    """Canonical entity -> fields of which the source is not believed."""
    found = {entity: sorted(config.write_rules(entity).unheard) for entity in PARTIES}
    return {entity: fields for entity, fields in found.items() if fields}


def written(config: SourceConfig, connector: Connector, normaliser: Normaliser) -> Written:
    """What is written. Asks the connector nothing where the YAML names nothing. Raises ConfigurationError for a named field that cannot be."""
    found: Written = {}
    for entity in PARTIES:
        rules = config.write_rules(entity)
        if not any(rule.is_written for rule in rules.rules.values()):
            continue
        sayable = _sayable(config, connector, normaliser, entity)
        if silent := sorted(rules.named - sayable):
            raise ConfigurationError(
                f"{', '.join(silent)} cannot be written to this source",
                whose=config.source,
                key=f"writable.{entity}",
                todo=f"What can be: {', '.join(sorted(sayable)) or 'nothing'}.",
            )
        found[entity] = dict(rules.written(sorted(sayable)))
    return found


def _sayable(
    config: SourceConfig, connector: Connector, normaliser: Normaliser, entity: str
) -> frozenset[str]:
    if not isinstance(connector, WritesBack) or not isinstance(normaliser, WritesFields):
        return frozenset()
    return frozenset().union(
        *(fields_of(connector, normaliser, wire) for wire in _defining(connector.streams.values(), entity))
    )


def fields_of(connector: WritesBack, normaliser: WritesFields, wire: str) -> frozenset[str]:
    """The canonical fields of a wire entity that both can say."""
    there = connector.writable(wire)
    return frozenset(field for field, said in normaliser.writes(wire).items() if said in there)


def _defining(streams: Iterable[Stream], entity: str) -> list[str]:
    return [stream.entity for stream in streams if stream.canonical == entity and not stream.facet]
