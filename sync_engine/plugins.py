"""What is installed: connectors, mappings and senders of alerts, found by their entry points."""

from __future__ import annotations

from functools import cache
from importlib.metadata import entry_points
from typing import Any

from sync_engine.errors import ConfigurationError
from sync_engine.ports import ConnectorPlugin, MappingPlugin, SendsAlerts


@cache
def _installed() -> Any:
    """The entry points of all installed packages, read once: each package must be looked into."""
    return entry_points()


def _plugin(group: str, name: str, what: str) -> Any:
    known = {e.name: e for e in _installed().select(group=group)}
    if name not in known:
        raise ConfigurationError(
            f"there is no {what} {name!r}", todo=f"Installed: {', '.join(sorted(known)) or 'none'}."
        )
    return known[name].load()


def connectors_installed() -> list[str]:
    """The codes of the connectors that are installed."""
    return sorted({e.name for e in _installed().select(group="sync_engine.connectors")})


def connector_plugin(name: str) -> ConnectorPlugin:
    """The connector of a product, found by entry point, so that a third party can ship one as a package."""
    plugin: ConnectorPlugin = _plugin("sync_engine.connectors", name, "connector")
    return plugin


def alert_sender() -> SendsAlerts:
    """What sends alerts: the network is the connectors' side of the house."""
    sender: SendsAlerts = _plugin("sync_engine.alerts", "default", "sender of alerts")
    return sender


def mapping_plugin(name: str) -> MappingPlugin:
    """The mapping that belongs to a connector."""
    plugin: MappingPlugin = _plugin("sync_engine.mappings", name, "mapping")
    return plugin
