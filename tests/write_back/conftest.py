"""An ERP and a CRM with one debtor in common, both writable where a test says so."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sync_engine.lake import Lake
from sync_engine.store.db import open_engine
from tests.write_back.support import CRM_NAMES, TwoWays


@pytest.fixture
def pair(database: str, tmp_path: Path) -> Iterator[TwoWays]:
    """HANSEN & SOEN in both, under the same number; nothing is writable yet."""
    there = TwoWays(open_engine(database), Lake(str(tmp_path / "lake")), policy=CRM_NAMES)
    there.add("erp", "erp")
    there.add(
        "crm",
        "crm",
        links={"debtor": {"mode": "automatic", "rungs": ["number_alone"]}, "contact": {"mode": "automatic"}},
    )
    there.say("erp", "companies", "co", name="Nordlys ApS", base_currency="DKK", country="DK")
    there.say(
        "erp",
        "debtors",
        "E1",
        number="10000",
        name="HANSEN & SOEN",
        phone="+4511111111",
        city="Aarhus",
        website=None,
        status="active",
    )
    there.say(
        "crm",
        "debtors",
        "C1",
        number="10000",
        name="HANSEN & SOEN",
        phone="+4511111111",
        city="Aarhus",
        website=None,
        status="active",
    )
    yield there
    there.store.dispose()
