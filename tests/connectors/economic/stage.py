"""Books of the simulator, and connectors opened on them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from connectors.economic import plugin
from connectors.economic.connector import Economic
from tests.simulators.economic import APP_TOKEN, GRANT_TOKEN, Books, EconomicTransport, furnished

CONNECTION: dict[str, Any] = {
    "app_secret_token": "env:ECONOMIC_APP_TOKEN",
    "agreement_grant_token": "env:ECONOMIC_GRANT_TOKEN",
    "page_size": 3,
}


@dataclass
class EconomicStage:
    """An agreement to play on."""

    books: Books = field(default_factory=furnished)
    secrets: tuple[str, ...] = (APP_TOKEN, GRANT_TOKEN)
    unresumable: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        self.transport = EconomicTransport(self.books)
        self.transport.openapi.most = 4

    def open(self, **changes: Any) -> Economic:
        settings = plugin.settings.model_validate(CONNECTION | changes)
        return plugin.open("economic", settings, self.books.time, self.transport)

    def edit(self) -> tuple[str, str]:
        self.books.time.sleep(3600)
        row = self.books.touch(self.books.customers[102], name="Smør & Brød ApS")
        return "customers", str(row["number"])

    def delete(self) -> tuple[str, str]:
        self.books.time.sleep(3600)
        row = self.books.touch(next(iter(self.books.contacts.values())), deleted=True)
        return "contacts", str(row["number"])

    def refuse(self) -> None:
        self.transport.open_to = ("another app", "another grant")

    def debtor(self) -> str:
        return "102"


def stage(monkeypatch: pytest.MonkeyPatch) -> EconomicStage:
    """A small company, its tokens in the environment."""
    monkeypatch.setenv("ECONOMIC_APP_TOKEN", APP_TOKEN)
    monkeypatch.setenv("ECONOMIC_GRANT_TOKEN", GRANT_TOKEN)
    return EconomicStage()
