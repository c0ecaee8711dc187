"""A clock that never waits, a small company with every trap in it, and connectors opened on it in process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import msgspec
import pytest

from connectors.business_central import BusinessCentral, Settings, plugin
from sync_engine.ports import Connector
from sync_engine.records import Cursor, RecordBatch
from tests.simulators.business_central.app import BusinessCentralSimulator
from tests.simulators.business_central.clock import SimulatorClock
from tests.simulators.business_central.settings import settings as facts_of
from tests.simulators.business_central.world import Company, Installation, World

START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
SECRET = "simulated~secret"


@dataclass
class Hands:
    """A clock whose sleep only moves the time of the simulator (and its own)."""

    time: SimulatorClock = field(default_factory=lambda: SimulatorClock(START))
    slept: list[float] = field(default_factory=list)

    def now(self) -> datetime:
        return self.time()

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time.advance(timedelta(seconds=seconds))


@dataclass
class Bench:
    """A simulator, its company, a clock, and how to open a connector on it."""

    simulator: BusinessCentralSimulator
    company: Company
    hands: Hands

    def settings(self, **changes: Any) -> Settings:
        facts = facts_of(self.simulator, "https://localhost")
        given: dict[str, Any] = {
            "base_url": facts.base_url,
            "authority": facts.authority,
            "environment": facts.environment,
            "company": self.company.name,
            "auth": {"client_id": facts.client_id, "client_secret": "env:BC_TEST_SECRET"},
            "page_size": 4,
            "document_page_size": 25,
        }
        return Settings.read(given | changes)

    def open(self, settings: Settings | None = None, **changes: Any) -> BusinessCentral:
        transport = httpx.WSGITransport(app=self.simulator, raise_app_exceptions=True)
        return plugin.open("bc", settings or self.settings(**changes), self.hands, transport)

    def on_premises(self, **changes: Any) -> Settings:
        facts = facts_of(self.simulator, "https://localhost")
        auth = {"kind": "basic", "user": facts.username, "key": "env:BC_TEST_KEY"}
        return Settings.read(
            {"base_url": facts.base_url, "company": self.company.name, "auth": auth} | changes
        )


def bench(
    monkeypatch: pytest.MonkeyPatch,
    *,
    world: Callable[[Company, SimulatorClock], None] | None = None,
    **installed: Any,
) -> Bench:
    """A small company on an installation of one's choice; the secret is in BC_TEST_SECRET."""
    installation = Installation(**installed)
    monkeypatch.setenv("BC_TEST_SECRET", installation.client_secret)
    monkeypatch.setenv("BC_TEST_KEY", installation.web_service_key)
    hands = Hands()
    there = World(hands.time, seed=7, installation=installation)
    company = there.add_company("HANSEN & SØN's A/S", "Hansen & Søn")
    (world or furnish)(company, hands.time)
    return Bench(BusinessCentralSimulator(there, sleep=hands.sleep), company, hands)


def furnish(company: Company, time: SimulatorClock) -> None:
    """Eleven customers, contacts of every kind, documents in two currencies, payments in part and in full, an hour apart."""
    company.add_currency("EUR", "Euro")
    company.add_exchange_rate("EUR", date(2026, 1, 1), Decimal(85))
    company.add_payment_term("30 DAYS", "Net 30", 30)
    company.add_payment_method("BANK", "Bank transfer")
    company.add_dispute_status("QUALITY", "Quality")
    company.add_salesperson("JO", "Jo Berg", "jo@example.com")
    company.add_dimension("CUSTOMERGROUP", "Customer group")
    for code, kind in (
        ("ALL", "Begin-Total"),
        ("SMALL", "Standard"),
        ("LARGE", "Standard"),
        ("ALLEND", "End-Total"),
    ):
        company.add_dimension_value("CUSTOMERGROUP", code, code.title(), kind=kind)
    for number in range(11):
        time.advance(timedelta(hours=1))
        row = company.create_customer(f"Debtor {number} & Co", currency="EUR" if number % 3 == 0 else "")
        company.create_contact(f"Anna Berg{number}", customer=row.number, job_title="Controller")
        if number % 2:
            company.set_default_dimension(row.number, "CUSTOMERGROUP", "SMALL")
    for number, row in enumerate(list(company.customers.values())):
        time.advance(timedelta(hours=1))
        first = company.post_invoice(row.id, Decimal(100 + number))
        second = company.post_invoice(row.id, Decimal("250.50"))
        company.create_invoice(row.id, amount=Decimal(1))
        if number % 2:
            company.pay_invoice(first.id)
        if number % 3 == 0:
            company.pay_invoice(second.id, Decimal(50))
        if number == 4:
            company.post_credit_memo(row.id, Decimal(30), applies_to=second.number)
            company.post_journal_invoice(row.id, Decimal(77))


def read(connector: Connector, entity: str, since: Cursor | None = None) -> list[RecordBatch]:
    """All batches of one pull."""
    return list(connector.pull(entity, since))


def rows(batches: list[RecordBatch]) -> dict[str, bytes]:
    """What a reader of these batches ends up with: key -> payload."""
    return {record.key: record.payload for batch in batches for record in batch.records}


def unread(batches: list[RecordBatch]) -> dict[str, str]:
    """Of the records that could not be read: key -> why."""
    return {
        record.key: record.unreadable for batch in batches for record in batch.records if record.unreadable
    }


def parsed(payload: bytes) -> dict[str, Any]:
    """A payload as a dictionary."""
    found: dict[str, Any] = msgspec.json.decode(payload)
    return found


def is_made_up(key: str) -> bool:
    """Whether a record came without a usable key."""
    return len(key) == 33 and key[0] == "?" and not set(key[1:]) - set("0123456789abcdef")
