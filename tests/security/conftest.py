"""The desk of a test: a small company, a migrated database, a source called bc."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.desk import SECRET, Desk, wire
from tests.simulators.business_central.app import BusinessCentralSimulator
from tests.simulators.business_central.clock import SimulatorClock
from tests.simulators.business_central.seeds import generate
from tests.simulators.business_central.world import World


@pytest.fixture
def bare_desk(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Desk:
    """A desk whose database is whatever the test asks for beside it."""
    world = World(SimulatorClock(), seed=3)
    company = generate(world, customers=14, invoices=40, seed=3)
    simulator = BusinessCentralSimulator(world)
    defs = home / "defs"
    monkeypatch.setenv("SYNC_ENGINE_DEFS", str(defs))
    monkeypatch.setenv(SECRET, world.installation.client_secret)
    monkeypatch.setenv("COLUMNS", "200")
    wire(monkeypatch, simulator)
    desk = Desk(simulator, company, defs, capsys, monkeypatch)
    desk.configure()
    return desk


@pytest.fixture
def desk(bare_desk: Desk, database: str) -> Desk:
    """A desk with a migrated database."""
    assert database
    return bare_desk
