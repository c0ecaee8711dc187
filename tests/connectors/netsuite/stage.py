"""Books of the simulator, and connectors opened on them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from connectors.netsuite import NetSuite, plugin
from tests.simulators.netsuite import Books, Keys, NetSuiteTransport, furnished
from tests.simulators.netsuite.verbs import delete

CONNECTION: dict[str, Any] = {
    "account": "tstdrv12345-sb1",
    "auth": {
        "kind": "token",
        "consumer_key": "env:NS_CONSUMER_KEY",
        "consumer_secret": "env:NS_CONSUMER_SECRET",
        "token": "env:NS_TOKEN",
        "token_secret": "env:NS_TOKEN_SECRET",
    },
    "customer_groups": [{"field": "custentity_region", "values": "customlist_region", "name": "Region"}],
    "page_size": 3,
}


@dataclass
class NetSuiteStage:
    """An account as the contract wants it."""

    books: Books = field(default_factory=furnished)
    secrets: tuple[str, ...] = (Keys().consumer_secret, Keys().token, Keys().token_secret)
    unresumable: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        self.transport = NetSuiteTransport(self.books)

    def open(self, **changes: Any) -> NetSuite:
        """A fresh connector on it."""
        settings = plugin.settings.model_validate(CONNECTION | changes)
        return plugin.open("netsuite", settings, self.books.time, self.transport)

    def edit(self) -> tuple[str, str]:
        """Renames a customer."""
        self.books.time.sleep(3600)
        key = self.customers[1]
        self.books.edit("customer", key, companyname="Another name")
        return "customers", str(key)

    def delete(self) -> tuple[str, str]:
        """Deletes a customer's person."""
        self.books.time.sleep(3600)
        key = self.books.one('SELECT MAX("id") FROM "contact"')
        company = self.books.one('SELECT "company" FROM "contact" WHERE "id" = ?', key)
        delete(self.books, "contact", key)
        return "contacts", f"{key}|{company}"

    def refuse(self) -> None:
        """From now on nobody is let in."""
        self.transport.door.closed = True

    def debtor(self) -> str:
        """A customer with documents."""
        return str(self.books.one('SELECT MIN("entity") FROM "transaction" WHERE "type" = \'CustPymt\''))

    @property
    def customers(self) -> list[int]:
        """Ids in their order."""
        return [key for (key,) in self.books.rows('SELECT "id" FROM "customer" ORDER BY "id"')]


def keys_into(monkeypatch: pytest.MonkeyPatch) -> None:
    """The four secrets, where the settings refer to."""
    for name, value in vars(Keys()).items():
        monkeypatch.setenv(f"NS_{name.upper()}", value)


def stage(monkeypatch: pytest.MonkeyPatch) -> NetSuiteStage:
    """A small group of companies, its secrets in the environment."""
    keys_into(monkeypatch)
    return NetSuiteStage()
