"""A small world with one company, and a signed-in client that speaks to it in process."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import httpx
import msgspec
import pytest

from tests.simulators.business_central import (
    BusinessCentralSimulator,
    ClientSettings,
    Company,
    SimulatorClock,
    World,
    settings,
)
from tests.simulators.business_central.app import basic_credential

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


@dataclass
class Tenant:
    """The simulator, its clock, a company, and a client with a token."""

    simulator: BusinessCentralSimulator
    clock: SimulatorClock
    company: Company
    client: httpx.Client

    @property
    def world(self) -> World:
        return self.simulator.world

    @property
    def settings(self) -> ClientSettings:
        return settings(self.simulator)

    @property
    def api(self) -> str:
        return f"{self.settings.base_url}/api/v2.0"

    def url(self, path: str, route: str = "v2.0") -> str:
        return f"{self.settings.base_url}/api/{route}/companies({self.company.id})/{path}"

    def sign_in(self) -> None:
        form = {
            "grant_type": "client_credentials",
            "client_id": self.settings.client_id,
            "client_secret": self.settings.client_secret,
            "scope": self.settings.scope,
        }
        answer = self.client.post(f"{self.settings.authority}/oauth2/v2.0/token", data=form)
        self.client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def use_basic(self) -> None:
        self.client.headers["Authorization"] = f"Basic {basic_credential(self.world.installation)}"

    def get(self, path: str, route: str = "v2.0", **headers: str) -> httpx.Response:
        return self.client.get(
            self.url(path, route), headers={k.replace("_", "-"): v for k, v in headers.items()}
        )

    def rows(self, path: str, route: str = "v2.0", **headers: str) -> list[dict[str, Any]]:
        """The rows of the first page, decimals exact."""
        answer = self.get(path, route, **headers)
        assert answer.status_code == 200, answer.text
        return list(exact(answer)["value"])

    def all_rows(self, path: str, size: int, route: str = "v2.0") -> list[dict[str, Any]]:
        """The rows of all pages."""
        url, rows = self.url(path, route), []
        while url:
            page = exact(self.client.get(url, headers={"Prefer": f"odata.maxpagesize={size}"}))
            rows += page["value"]
            url = page.get("@odata.nextLink", "")
        return rows


def exact(answer: httpx.Response) -> dict[str, Any]:
    """The body with numbers as Decimal."""
    body: dict[str, Any] = msgspec.json.Decoder(float_hook=Decimal).decode(answer.content)
    return body


@pytest.fixture
def tenant() -> Iterator[Tenant]:
    """A company with a currency, a term, a dispute status and a dimension; no customers yet."""
    clock = SimulatorClock(NOW)
    world = World(clock, seed=1)
    company = world.add_company("HANSEN & SOEN's", local_currency="GBP")
    company.add_currency("USD", "US dollar")
    company.add_exchange_rate("USD", date(2025, 1, 1), Decimal(80))
    company.add_payment_term("30 DAYS", "Net 30 days", 30)
    company.add_dispute_status("QUALITY", "Quality complaint")
    company.add_salesperson("JO", "Jim Olive")
    company.add_dimension("CUSTOMERGROUP", "Customer Group")
    company.add_dimension_value("CUSTOMERGROUP", "SMALL", "Small")
    company.add_dimension_value("CUSTOMERGROUP", "LARGE", "Large")
    company.add_dimension_value("CUSTOMERGROUP", "ALL", "All of them", kind="Begin-Total")
    simulator = BusinessCentralSimulator(world, sleep=lambda seconds: None)
    with httpx.Client(transport=httpx.WSGITransport(app=simulator)) as client:
        tenant = Tenant(simulator, clock, company, client)
        tenant.sign_in()
        yield tenant


@pytest.fixture
def company(tenant: Tenant) -> Company:
    """The company with one customer, number 10000."""
    tenant.company.create_customer("HANSEN & SOEN", number="10000", payment_term="30 DAYS")
    return tenant.company


@pytest.fixture
def peopled(tenant: Tenant) -> Tenant:
    """Six customers."""
    for place in range(6):
        tenant.company.create_customer(f"Customer {place}", number=f"0{place}")
    return tenant
