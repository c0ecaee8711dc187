"""What a source offered before is part of the question: what is gone since fails, is said everywhere, and can be accepted."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from sync_engine.errors import ConfigurationError
from sync_engine.ops.sources import offers
from sync_engine.store.db import transaction
from sync_engine.store.queries import source_status
from tests.simulators.business_central.faults import Refuses, ServerBusy
from tests.simulators.business_central.spoiled_answers import EndsWithError
from tests.stages.conftest import RigMaker
from tests.stages.happenings import small
from tests.stages.snapshots import another_database, difference, living, snapshot
from tests.stages.support import ROUTES, Rig, rig_on
from tests.stages.truth import open_invoices, true_open_invoices

PUBLISHED: dict[str, dict[str, Any]] = {
    "custom_api": {"custom_api": False},
    "odata_page": {"ledger_page_published": False},
    "analytics": {"analytics": False},
    "reports_finance": {"reports_finance": False},
}
"""How each ledger route is taken away."""
MONEY = ("document", "document_line", "payment", "application", "debtor", "contact")


def rig_of(make_rig: RigMaker, route: str) -> Rig:
    """A small company whose best ledger route is this one, left to the connector to find."""
    lacking = {name: False for better in ROUTES[: ROUTES.index(route)] for name in PUBLISHED[better]}
    rig = make_rig(world=small, installed=lacking, route="custom_api" if not lacking else "auto")
    rig.config.connection["ledger"]["route"] = "auto"
    return rig


def take_away(rig: Rig, **changes: Any) -> None:
    """The installation changes between two runs."""
    for name, value in changes.items():
        setattr(rig.simulator.world.installation, name, value)


def ledger(rig: Rig) -> list[str]:
    """The wire entities by which the ledger is read."""
    return [
        name
        for (name,) in rig.rows(
            "SELECT name FROM engine.offer WHERE kind = 'entity' AND value = 'ledger_entry' ORDER BY 1"
        )
    ]


@pytest.mark.parametrize("route", PUBLISHED)
@pytest.mark.parametrize("full", [False, True], ids=["changes", "full"])
def test_a_ledger_that_is_gone_is_no_run_that_succeeded(make_rig: RigMaker, route: str, full: bool) -> None:
    """The page is not answered any more and an invoice is paid: the run is partial, its entity failed, and no other ledger is read instead."""
    rig = rig_of(make_rig, route)
    assert rig.run_whole().outcome == "succeeded"
    entities = ledger(rig)
    take_away(rig, **PUBLISHED[route])
    paid = next(invoice for invoice in rig.company.invoices.values() if invoice.posted)
    rig.company.pay_invoice(paid.id)
    before = snapshot(rig.store)["payment"]
    for _ in range(2):
        ran = rig.run_whole(full=full)
        assert ran.outcome == "partial"
        assert set(entities) <= set(ran.failures)
        assert "not offered any more" in str(ran.failures[entities[0]])
        said = rig.one(
            "SELECT outcome FROM engine.run_step WHERE run_id = :r AND stage = 'pull' AND entity = :e",
            r=ran.run_id,
            e=entities[0],
        )
        assert said == "failed"
    assert ledger(rig) == entities
    assert snapshot(rig.store)["payment"] == before
    take_away(rig, **dict.fromkeys(PUBLISHED[route], True))
    assert rig.run_whole().outcome == "succeeded"
    assert open_invoices(rig) == true_open_invoices(rig.company)


@pytest.mark.parametrize("status", [403, 404])
@pytest.mark.parametrize("full", [False, True], ids=["changes", "full"])
def test_a_ledger_page_that_is_refused_is_no_run_that_succeeded(
    make_rig: RigMaker, status: int, full: bool
) -> None:
    """The permission or the page is gone and an invoice is paid: the run is partial, the entry stays as it was, and the next clean run has the money."""
    rig = rig_of(make_rig, "odata_page")
    assert rig.run_whole().outcome == "succeeded"
    entities = ledger(rig)
    rig.simulator.inject(Refuses(status, match=r"Cust_LedgerEntries"))
    paid = next(invoice for invoice in rig.company.invoices.values() if invoice.posted)
    rig.company.pay_invoice(paid.id)
    before = snapshot(rig.store)["payment"]
    for _ in range(2):
        ran = rig.run_whole(full=full)
        assert rig.simulator.faults[0].struck
        assert (ran.outcome, set(entities) & set(ran.failures)) == ("partial", {"ledgerEntriesPage"})
    assert snapshot(rig.store)["payment"] == before
    rig.simulator.heal()
    assert rig.run_whole().outcome == "succeeded"
    assert open_invoices(rig) == true_open_invoices(rig.company)


@pytest.mark.parametrize("route", PUBLISHED)
def test_a_ledger_that_is_gone_for_good_is_accepted(
    make_rig: RigMaker, migrated_template: str, tmp_path: Path, route: str
) -> None:
    """Once a person accepts it the next route is read, and nothing of the old one stays on what the new one says."""
    rig = rig_of(make_rig, route)
    rig.run_whole()
    take_away(rig, **PUBLISHED[route])
    rig.run_whole()
    gone = offers.missing(rig.store, rig.config.source)
    assert {one.entity for one in gone} >= set(ledger(rig))
    offers.accept(rig.store, rig.config.source, by="mette", why="the page was taken away")
    assert offers.missing(rig.store, rig.config.source) == []
    said = rig.rows(
        "SELECT field, actor, reason FROM canonical.change WHERE entity = 'source' ORDER BY field"
    )
    assert said == [(one.entity, "mette", "the page was taken away") for one in gone]
    assert rig.run_whole().outcome == "succeeded"
    assert_same_as_fresh(rig, migrated_template, tmp_path / "fresh")


@pytest.mark.parametrize("route", PUBLISHED)
def test_what_was_buried_with_its_ledger_deletes_nothing_later(
    make_rig: RigMaker, migrated_template: str, tmp_path: Path, route: str
) -> None:
    """Two routes call an entry by the same number: the buried record of the one is not the living record of the other, in no later cut."""
    rig = rig_of(make_rig, route)
    rig.run_whole()
    take_away(rig, **PUBLISHED[route])
    rig.run_whole()
    offers.accept(rig.store, rig.config.source, by="mette")
    for _ in range(3):
        assert rig.run_whole().outcome == "succeeded"
        rig.company.pay_invoice(
            next(invoice for invoice in rig.company.invoices.values() if invoice.posted).id, Decimal(1)
        )
    assert rig.run_whole().outcome == "succeeded"
    assert_same_as_fresh(rig, migrated_template, tmp_path / "fresh")


def test_nobody_waits_for_what_was_accepted_to_be_gone(make_rig: RigMaker) -> None:
    """A source is as fresh as what it is still asked for, and its certificate misses nothing that was given up."""
    rig = rig_of(make_rig, "odata_page")
    rig.run_whole()
    take_away(rig, **PUBLISHED["odata_page"])
    assert rig.run_whole().certificate.grade == "C"  # type: ignore[union-attr]
    offers.accept(rig.store, rig.config.source, by="mette")
    rig.execute("UPDATE engine.stream SET verified_at = now() - interval '9 days'")
    ran = rig.run_whole()
    assert ran.certificate is not None
    assert "missing" not in ran.certificate.missing.classes  # type: ignore[union-attr]
    with transaction(rig.store, "reading the sources") as connection:
        (state,) = source_status.sources(connection)
    assert state.verified_at is not None
    assert (datetime.now(UTC) - state.verified_at).days == 0


def test_a_ledger_in_doubt_is_read_and_not_buried(make_rig: RigMaker) -> None:
    """At the first look nobody could tell whether the ledger's page is there; what is read of it stays, and the next look remembers it."""
    rig = rig_of(make_rig, "custom_api")
    rig.simulator.inject(ServerBusy(match=r"contoso/.*ustomerLedgerEntries.*top=1", times=6))
    rig.run()
    kinds = "SELECT kind FROM engine.offer WHERE name = 'ledgerEntriesApi' ORDER BY 1"
    assert rig.rows(kinds) == [("doubt",)]
    assert rig.one(
        "SELECT count(*) FROM engine.source_record JOIN engine.stream USING (stream_id) WHERE entity = 'ledgerEntriesApi' AND deleted_at IS NULL"
    )
    rig.run()
    assert rig.rows(kinds) == [("entity",)]


def test_a_buried_application_is_not_the_living_one_of_the_same_key(rig: Rig) -> None:
    """An application that a stream of before called by the key of a living one goes; the living one stays."""
    rig.run()
    key = rig.one(
        "SELECT external_id FROM canonical.application WHERE deleted_at IS NULL ORDER BY external_id LIMIT 1"
    )
    rig.execute("""
        INSERT INTO engine.stream (source, entity, family, canonical, facet, rank)
        VALUES ('bc', 'applicationsOfBefore', 'payments', 'application', false, 99)
        """)
    rig.execute(
        """
        INSERT INTO engine.source_record (stream_id, key, raw_hash, batch_id, deleted_at, dirty)
        SELECT n.stream_id, r.key, r.raw_hash, r.batch_id, now(), true FROM engine.source_record r, engine.stream n
        WHERE r.key = :key AND n.entity = 'applicationsOfBefore'
        """,
        key=key,
    )
    rig.run(entities=())
    assert rig.one("SELECT deleted_at FROM canonical.application WHERE external_id = :key", key=key) is None


def assert_same_as_fresh(rig: Rig, server: str, folder: Path) -> None:
    """What lives is what a load of the same company into an empty store gives."""
    with another_database(server) as url, rig_on(rig.bench, url, folder) as fresh:
        fresh.config = rig.config
        fresh.run()
        found = difference(living(rig.store), living(fresh.store))
        assert {table: rows for table, rows in found.items() if table in MONEY} == {}


@pytest.mark.parametrize("better", PUBLISHED)
def test_a_better_ledger_that_appears_is_read_from_then_on(
    make_rig: RigMaker, migrated_template: str, tmp_path: Path, better: str
) -> None:
    """A page is published after the first load: no failure, and all is as if it had been there from the beginning."""
    rig = rig_of(make_rig, better)
    take_away(rig, **PUBLISHED[better])
    assert rig.run_whole().outcome == "succeeded"
    take_away(rig, **dict.fromkeys(PUBLISHED[better], True))
    assert rig.run_whole().outcome == "succeeded"
    assert_same_as_fresh(rig, migrated_template, tmp_path / "fresh")


def test_a_company_made_again_under_its_name_stops_the_source(make_rig: RigMaker) -> None:
    """Another id behind the same name: nothing is read, also with everything asked for, and no new debtor stands beside the old."""
    rig = make_rig(world=small)
    rig.run_whole()
    before = snapshot(rig.store)
    world, name = rig.simulator.world, rig.company.name
    old = world.companies.pop(rig.company.id)
    small(world.add_company(name, old.display_name), rig.bench.hands.time)
    for full in (False, True):
        with pytest.raises(ConfigurationError, match=f"another company now: its id was {old.id}"):
            rig.run_whole(full=full)
        assert rig.one("SELECT outcome FROM engine.run ORDER BY started_at DESC LIMIT 1") == "failed"
    assert snapshot(rig.store) == before


@pytest.mark.parametrize("status", [403, 404])
def test_what_is_optional_and_was_there_is_missed(rig: Rig, status: int) -> None:
    """A published page beside the ledger, refused since: its entity fails, its neighbours are read."""
    rig.run_whole()
    rig.simulator.inject(Refuses(status, match=r"Customer_Card"))
    ran = rig.run_whole()
    assert set(ran.failures) == {"customerCard"}
    assert [one.entity for one in offers.missing(rig.store)] == ["customerCard"]
    rig.simulator.heal()
    assert rig.run_whole().outcome == "succeeded"
    assert offers.missing(rig.store) == []


def test_a_column_that_is_gone_is_missed(make_rig: RigMaker) -> None:
    """The published page loses a column that is read: the entity fails rather than emptying what was known."""
    rig = rig_of(make_rig, "odata_page")
    rig.run_whole()
    before = snapshot(rig.store)
    take_away(rig, ledger_page_missing_columns=frozenset({"Due_Date"}))
    ran = rig.run_whole(full=True)
    assert "no longer has Due_Date" in str(ran.failures["ledgerEntriesPage"])
    assert snapshot(rig.store) == before
    offers.accept(rig.store, rig.config.source, ["ledgerEntriesPage"], by="mette")
    assert rig.run_whole().outcome == "succeeded"


def test_what_was_never_offered_is_not_missed(make_rig: RigMaker) -> None:
    """An installation without apps and pages: every run succeeds, nothing is missing, and there is nothing to accept."""
    lacking = {name: False for route in PUBLISHED.values() for name in route} | {
        "customer_card_published": False
    }
    rig = make_rig(world=small, installed=lacking, route="auto")
    for _ in range(2):
        assert rig.run_whole().outcome == "succeeded"
    assert offers.missing(rig.store) == []
    with pytest.raises(ConfigurationError, match="nothing is missing"):
        offers.accept(rig.store, rig.config.source, by="mette")


def test_what_the_settings_leave_out_is_not_missed(make_rig: RigMaker) -> None:
    """A person who changes the YAML has decided: a route of their choice and no contacts' information is no failure."""
    rig = rig_of(make_rig, "odata_page")
    rig.run_whole()
    rig.config.connection["ledger"]["route"] = "analytics"
    rig.config.connection["contacts_information"] = False
    assert rig.run_whole().outcome == "succeeded"
    assert offers.missing(rig.store) == []


def test_a_set_of_the_configured_route_that_vanishes_buries_nothing(rig: Rig) -> None:
    """The route stands in the settings, and one of its sets answers with an error: that entity fails, what it said stays."""
    rig.run_whole()
    before = rig.one("SELECT count(*) FROM canonical.application WHERE deleted_at IS NULL")
    rig.simulator.inject(EndsWithError(match="/detailedCustomerLedgerEntries"))
    ran = rig.run_whole(full=True)
    assert "detailedEntriesApi" in ran.failures
    assert ran.outcome == "partial"
    assert before
    assert rig.one("SELECT count(*) FROM canonical.application WHERE deleted_at IS NULL") == before
