"""The entry point: which dialect an agreement is read in."""

from __future__ import annotations

import httpx

from connectors.economic.connector import Economic
from connectors.economic.settings import Settings
from connectors.economic.soap import SoapEconomic
from sync_engine.ports import Clock


class Plugin:
    """The entry point `economic` of group `sync_engine.connectors`."""

    settings = Settings

    def open(
        self, source: str, settings: Settings, clock: Clock, transport: httpx.BaseTransport | None = None
    ) -> Economic:
        """Opens one agreement; sends nothing yet. `transport` replaces the network, for tests."""
        kind = SoapEconomic if settings.dialect == "soap" else Economic
        return kind(source, settings, clock, transport)
