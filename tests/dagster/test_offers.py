"""A stream that was offered before and is not now, in Dagster: the family's check is red until it is back or a person accepts it in the form."""

from __future__ import annotations

from typing import Any

import dagster as dg

from dagster_project.definitions import load
from dagster_project.in_process import QUIET
from sync_engine.ops.runs.environment import open_runtime
from sync_engine.store.db import fetch, transaction
from tests.dagster.conftest import Installation
from tests.dagster.office import refusal, told_by, write
from tests.dagster.test_failures import failed_checks

CARD = "customerCard"
RED = ("bc/pulled/debtors", "every_stream_was_read")


def launch(installation: Installation, **form: Any) -> dg.ExecuteInProcessResult:
    """What the button in the Launchpad does with a filled-in form."""
    write(
        installation.folder,
        "canonical_store",
        "CanonicalStore",
        {"rules": [{"ranking": ["erp", "crm", "collections"]}]},
    )
    job = load(installation.folder).resolve_job_def("ops_accept_missing")
    with dg.DagsterInstance.ephemeral(settings=QUIET) as instance:
        return job.execute_in_process(run_config=form, instance=instance, raise_on_error=False)


def decided() -> list[tuple[Any, ...]]:
    """What the change feed says about sources."""
    shop = open_runtime()
    with transaction(shop.store, "reading the changes") as connection:
        rows = fetch(
            connection, "SELECT field, actor, reason FROM canonical.change WHERE entity = 'source' ORDER BY 1"
        )
    shop.store.dispose()
    return [tuple(row) for row in rows]


def lose_the_card(installation: Installation) -> dg.ExecuteInProcessResult:
    """Page 21 was published and is not any more; the run that finds out."""
    world = installation.bench.simulator.world.installation
    assert installation.run().success
    world.customer_card_published = False
    return installation.run()


def test_the_check_is_red_while_a_stream_is_missing_and_green_once_that_is_accepted(
    installation: Installation,
) -> None:
    """Every run is red and says which; a look changes nothing; accepted, the next run is green."""
    for result in (lose_the_card(installation), installation.run()):
        assert not result.success
        assert f"bc {CARD}" in failed_checks(result)[RED]
        assert "not offered any more" in failed_checks(result)[RED]
    told = told_by(launch(installation, source="bc", who="ada"))
    assert told["could be accepted"] == 1
    assert [row["stream"] for row in told["missing"]] == [CARD]
    assert decided() == []
    assert RED in failed_checks(installation.run())
    told = told_by(launch(installation, source="bc", apply=True, who="ada", why="unpublished on purpose"))
    assert told["accepted"] == 1
    assert decided() == [(CARD, "ada", "unpublished on purpose")]
    healed = installation.run()
    assert healed.success
    assert RED not in failed_checks(healed)


def test_the_check_is_green_again_once_the_stream_is_back(installation: Installation) -> None:
    """Nobody has to accept anything, and there is nothing to accept then."""
    assert RED in failed_checks(lose_the_card(installation))
    installation.bench.simulator.world.installation.customer_card_published = True
    back = installation.run()
    assert back.success
    assert RED not in failed_checks(back)
    refused = refusal(launch(installation, source="bc", apply=True, who="ada"))
    assert "nothing is missing" in (refused.description or "")


def test_what_is_not_missing_cannot_be_accepted(installation: Installation) -> None:
    """A name that was mistyped gives up nothing: the form says what is missing."""
    lose_the_card(installation)
    refused = refusal(launch(installation, source="bc", entities=["contacts"], apply=True, who="ada"))
    assert f"Missing: {CARD}." in (refused.description or "")
    assert decided() == []
