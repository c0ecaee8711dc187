"""A source over the simulator in process, run as the command line runs it, and its canonical rows read back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, text

from connectors.business_central import BusinessCentral, Settings, plugin
from sync_engine.config import SourceConfig
from sync_engine.lake import Lake
from sync_engine.ops.runs.source_run import Ran, Runtime, run_source
from sync_engine.store.db import open_engine
from tests.connectors.support import Bench, bench
from tests.simulators.business_central.world import Company

CUSTOM = {"route": "custom_api", "custom": {"publisher": "contoso", "group": "receivables"}}
ROUTES: dict[str, dict[str, Any]] = {
    "custom_api": CUSTOM,
    **{route: {"route": route} for route in ("odata_page", "analytics", "reports_finance", "invoices")},
}


@dataclass
class SourceRun:
    """One source and what its runs leave."""

    bench: Bench
    runtime: Runtime
    config: SourceConfig

    @property
    def company(self) -> Company:
        """The simulated company, to change."""
        return self.bench.company

    @property
    def store(self) -> Engine:
        """The engine's database."""
        return self.runtime.store

    def connector(self) -> BusinessCentral:
        """A fresh connector, in process."""
        transport = httpx.WSGITransport(app=self.bench.simulator, raise_app_exceptions=True)
        return plugin.open(
            self.config.source, Settings.read(self.config.connection), self.bench.hands, transport
        )

    def run(self, **how: Any) -> Ran:
        """One run, an hour of simulated time after the last one."""
        self.bench.hands.sleep(3600)
        return run_source(self.runtime, self.config, connector=self.connector(), **how)

    def rows(self, statement: str, **values: Any) -> list[tuple[Any, ...]]:
        """All rows of a statement."""
        with self.store.connect() as connection:
            return [tuple(row) for row in connection.execute(text(statement), values)]

    def one(self, statement: str, **values: Any) -> Any:
        """The single value of a statement."""
        return self.rows(statement, **values)[0][0]

    def document(self, number: str) -> dict[str, Any]:
        """The living canonical document of a number."""
        with self.store.connect() as connection:
            found = (
                connection.execute(
                    text("SELECT * FROM canonical.document WHERE external_no = :n AND deleted_at IS NULL"),
                    {"n": number},
                )
                .mappings()
                .all()
            )
        assert len(found) == 1, f"{len(found)} documents {number}"
        return dict(found[0])

    def portfolios(self) -> dict[str, str | None]:
        """Debtor number -> code of its portfolio."""
        return dict(
            self.rows("""
            SELECT d.number, p.code FROM canonical.debtor d LEFT JOIN canonical.portfolio p ON p.id = d.portfolio_id WHERE d.deleted_at IS NULL
            """)
        )

    def balances(self) -> dict[str, Decimal]:
        """Debtor key -> what it owes in base currency, where it owes something or is owed it."""
        rows = self.rows("""
            SELECT x.debtor_key, sum(x.base) FROM (
                SELECT debtor_key, CASE kind WHEN 'credit_note' THEN -1 ELSE 1 END * open_amount_base AS base FROM canonical.document
                WHERE deleted_at IS NULL AND erp_status NOT IN ('void', 'draft')
                UNION ALL
                SELECT debtor_key, CASE kind WHEN 'refund' THEN 1 ELSE -1 END * unapplied_amount_base FROM canonical.payment WHERE deleted_at IS NULL) x
            GROUP BY 1
            """)
        return {key: amount for key, amount in rows if amount}

    def true_balances(self) -> dict[str, Decimal]:
        """The same from the simulator's ledger."""
        found: dict[str, Decimal] = {}
        for entry in self.company.entries.values():
            found[entry.customer_id] = found.get(entry.customer_id, Decimal(0)) + entry.remaining_lcy
        return {key: amount for key, amount in found.items() if amount}

    def open_invoices(self) -> dict[str, Decimal]:
        """Number -> open amount, of the ERP's own invoices that are open."""
        return dict(
            self.rows("""
            SELECT external_no, open_amount FROM canonical.document WHERE kind = 'invoice' AND deleted_at IS NULL AND open_amount <> 0
                AND erp_status NOT IN ('void', 'draft')
            """)
        )

    def true_open_invoices(self) -> dict[str, Decimal]:
        """The same from the simulator."""
        return {
            x.number: self.company.remaining_of(x)
            for x in self.company.invoices.values()
            if x.posted and self.company.remaining_of(x)
        }


LaneMaker = Callable[..., SourceRun]


def config_of(there: Bench, ledger: dict[str, Any], dimension: str | None, **connection: Any) -> SourceConfig:
    """The YAML of the bench's company, as it would be read."""
    given = there.settings().model_dump(
        mode="json", include={"base_url", "authority", "environment", "company"}
    )
    given |= {
        "auth": {
            "client_id": there.simulator.world.installation.client_id,
            "client_secret": "env:BC_TEST_SECRET",
        },
        "ledger": ledger,
    }
    portfolio = {"dimension": dimension} if dimension else None
    return SourceConfig.model_validate(
        {
            "source": "bc",
            "connector": "business_central",
            "connection": given | connection,
            "portfolio": portfolio,
        }
    )


@pytest.fixture
def make_lane(monkeypatch: pytest.MonkeyPatch, database: str, tmp_path: Path) -> Iterator[LaneMaker]:
    """Makes a lane: `route` or `ledger` of the YAML, `dimension` of its portfolios, `connection` settings, the installation's traits."""
    with ExitStack() as open_ones:

        def make(
            *,
            route: str = "custom_api",
            dimension: str | None = "CUSTOMERGROUP",
            world: Any = None,
            connection: dict[str, Any] | None = None,
            there: Bench | None = None,
            **installed: Any,
        ) -> SourceRun:
            there = there or bench(monkeypatch, world=world, **installed)
            store = open_engine(database)
            open_ones.callback(store.dispose)
            return SourceRun(
                there,
                Runtime(store, Lake(str(tmp_path / "lake")), there.hands),
                config_of(there, ROUTES[route], dimension, **(connection or {})),
            )

        yield make
