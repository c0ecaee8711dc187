"""A small company of Business Central, and the drafts of what is read there."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from mappings.business_central import plugin as mapping
from sync_engine.ports import Draft, Normalised
from tests.connectors.support import Bench, bench, read
from tests.simulators.business_central.clock import SimulatorClock
from tests.simulators.business_central.world import Company

NOBODY = "00000000-0000-0000-0000-000000000000"
SOMEBODY = "5de545bc-f6f9-ef11-9344-6045bdc8c234"
ANOTHER = "6ef7bd1f-b4d3-ee11-904f-6045bde80bc6"


def outcome(entity: str, *payloads: dict[str, Any] | bytes, **settings: Any) -> Normalised:
    """What becomes of payloads of one wire entity."""
    normaliser = mapping.normaliser("bc", mapping.settings(**settings))
    return normaliser.normalise(
        entity,
        [(f"k{n}", p if isinstance(p, bytes) else msgspec.json.encode(p)) for n, p in enumerate(payloads)],
    )


def values(entity: str, payload: dict[str, Any] | bytes) -> dict[str, Any]:
    """The draft of one payload."""
    found = outcome(entity, payload)
    assert len(found.drafts) == 1, found
    return found.drafts[0].values


def drafts(entity: str, found: dict[str, bytes]) -> dict[str, Draft]:
    """Drafts of what was read, by key."""
    normalised = mapping.normaliser("bc", mapping.settings()).normalise(entity, list(found.items()))
    assert not normalised.failed
    return {draft.key: draft for draft in normalised.drafts}


def small(company: Company, time: SimulatorClock) -> None:
    """Three debtors, a contact each, one invoice each, a dimension."""
    company.add_currency("EUR", "Euro")
    company.add_exchange_rate("EUR", time().date().replace(month=1, day=1), Decimal(85))
    company.add_dimension("CUSTOMERGROUP", "Customer group")
    for code, kind in (("ALL", "Heading"), ("SMALL", "Standard"), ("LARGE", "Standard")):
        company.add_dimension_value("CUSTOMERGROUP", code, code.title(), kind=kind)
    for number in range(3):
        time.advance(timedelta(hours=1))
        row = company.create_customer(f"Debtor {number}", currency="EUR" if number == 2 else "")
        company.create_contact(f"Anna Berg{number}", customer=row.number, job_title="Controller")
        company.set_default_dimension(row.number, "CUSTOMERGROUP", "SMALL")
        company.post_invoice(row.id, Decimal(100 + number))


def place(monkeypatch: pytest.MonkeyPatch, **installed: Any) -> Bench:
    """The small company."""
    return bench(monkeypatch, world=small, **installed)


def cursor(there: Bench, entity: str, **settings: Any) -> Any:
    """Where a first reading ends; an hour passes."""
    found = read(there.open(**settings), entity)[-1].resume_from
    assert found is not None
    there.hands.time.advance(timedelta(hours=1))
    return found
