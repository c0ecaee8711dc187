"""Modules an agreement has not, versions that are gone, and how much may be asked."""

from __future__ import annotations

from datetime import timedelta

import pytest

from sync_engine.errors import PermissionMissing, RateLimited, SourceError
from tests.connectors.economic.asked import failing, pulled
from tests.connectors.economic.stage import EconomicStage
from tests.simulators.economic import errors
from tests.simulators.economic.errors import Answered


def test_a_missing_module_costs_what_needs_it(there: EconomicStage) -> None:
    """It is told by name before anybody asks in vain."""
    there.books.modules.clear()
    connector = there.open()
    assert "dimension_values" not in connector.streams
    assert connector.offered.missing == {
        "dimension_values": "module 14 (Dimension) is not active in the agreement"
    }
    assert pulled(connector, "dimensions").keys() == {"customer_group", "department"}


def test_a_refusal_says_which_module_is_missing(there: EconomicStage) -> None:
    """Where the agreement does not tell it, the service does."""
    answer = errors.problem(
        403,
        "Access denied.",
        "AccessDeniedAgreementMissingModules",
        "The agreement lacks the module Logistik.",
    )
    there.transport.faults.append(failing("bookedEntriesapi", lambda: answer))
    with pytest.raises(
        PermissionMissing, match=r"AccessDeniedAgreementMissingModules.*lacks the module Logistik"
    ):
        pulled(there.open(), "entries")


def test_a_version_that_is_gone_names_the_one_that_is_there(there: EconomicStage) -> None:
    """The documentation page of the service tells it."""
    there.transport.openapi.versions["bookedEntriesapi"] = "6.0.0"
    connector = there.open()
    for attempt in (lambda: pulled(connector, "entries"), lambda: connector.count("entries")):
        with pytest.raises(SourceError, match=r"no bookedEntriesapi of version 4.0.0") as caught:
            attempt()
        assert "It is at 6.0.0 now" in caught.value.todo
    assert pulled(there.open(versions={"booked_entries": "6.0.0"}), "entries")


def test_a_full_bucket_is_waited_for(there: EconomicStage) -> None:
    """As long as it says; one that asks for too much is told so."""
    answers = [Answered(429, {"message": "Too many."}, **{"Retry-After": "7"})]
    there.transport.faults.append(failing("/customers", lambda: answers[0], times=1))
    before = there.books.time.now()
    pulled(there.open(), "customers")
    assert there.books.time.now() - before >= timedelta(seconds=7)
    answers[0] = Answered(429, {"message": "Too many."}, **{"Retry-After": "7200"})
    there.transport.faults.append(failing("/employees", lambda: answers[0]))
    before = there.books.time.now()
    with pytest.raises(RateLimited):
        pulled(there.open(), "employees")
    assert there.books.time.now() == before


def test_calls_of_others_are_counted(there: EconomicStage) -> None:
    """One bucket for both interfaces and for every program of the same app: what is said to be used is not used again."""
    there.transport.used = 9_400
    connector, before = there.open(), there.books.time.now()
    pulled(connector, "customers")
    assert there.books.time.now() == before
    there.transport.used = 9_498
    pulled(connector, "customers")
    assert there.books.time.now() - before >= timedelta(seconds=55)
