"""Books of the simulator, and connectors opened on them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from connectors.example_billing import ExampleBilling, plugin
from tests.simulators.example_billing import (
    APP_TOKEN,
    CUSTOMER_TOKEN,
    Books,
    ExampleBillingTransport,
    furnished,
)

CONNECTION: dict[str, Any] = {
    "base_url": "https://billing.example.com",
    "app_token": "env:EXAMPLE_APP_TOKEN",
    "customer_token": "env:EXAMPLE_CUSTOMER_TOKEN",
    "page_size": 3,
}


@dataclass
class ExampleStage:
    """An account as the contract wants it."""

    books: Books = field(default_factory=furnished)
    secrets: tuple[str, ...] = (APP_TOKEN, CUSTOMER_TOKEN)
    unresumable: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        self.transport = ExampleBillingTransport(self.books)

    def open(self, **changes: Any) -> ExampleBilling:
        settings = plugin.settings.model_validate(CONNECTION | changes)
        return plugin.open("billing", settings, self.books.time, self.transport)

    def edit(self) -> tuple[str, str]:
        self.books.time.sleep(3600)
        row = self.books.touch(list(self.books.customers.values())[1], name="Another name")
        return "customers", str(row["id"])

    def delete(self) -> tuple[str, str]:
        return "contacts", str(self.books.contacts.popitem()[0])

    def refuse(self) -> None:
        self.transport.open_to = ("another app", "another customer")

    def debtor(self) -> str:
        return str(next(iter(self.books.customers)))


def stage(monkeypatch: pytest.MonkeyPatch) -> ExampleStage:
    """A small company, its tokens in the environment."""
    monkeypatch.setenv("EXAMPLE_APP_TOKEN", APP_TOKEN)
    monkeypatch.setenv("EXAMPLE_CUSTOMER_TOKEN", CUSTOMER_TOKEN)
    return ExampleStage()
