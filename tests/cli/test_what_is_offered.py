"""What a source offers, and did before: said alike by run, `status`, `sources doctor` and `sources accept`; clocks and stamps that are odd."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sync_engine.platform.clock import SystemClock
from tests.cli.desk import Desk
from tests.stages.test_clocks import FAR

CARD = "customerCard"


def card_published(desk: Desk, is_published: bool) -> None:
    """Page 21 as a web service, or not."""
    desk.simulator.world.installation.customer_card_published = is_published


def lose_the_card(desk: Desk) -> None:
    """A published page that was read is not there any more, and a run has found that out."""
    assert desk.run("run", "bc").code == 0
    card_published(desk, is_published=False)
    assert desk.run("run", "bc").code == 6


def found_by_the_doctor(desk: Desk, about: str) -> list[tuple[str, str]]:
    """(state, detail) of what the doctor says about something."""
    said = desk.run("sources", "doctor", "bc", "--json").document
    (source,) = said["sources"]
    return [(f["verdict"], f["detail"]) for f in source["findings"] if f["about"] == about]


def test_what_is_missing_is_counted_and_pages_somebody(desk: Desk) -> None:
    """`status --check` goes by it, also before the certificate knows, and the figure is in the JSON."""
    assert desk.run("run", "bc").code == 0
    (before,) = desk.json("status")["sources"]
    assert (before["state"]["n_missing"], desk.run("status", "--check").code) == (0, 0)
    card_published(desk, is_published=False)
    said = desk.run("run", "bc")
    assert said.code == 6
    assert f"{CARD} was not read" in " ".join(said.out.split())
    (after,) = desk.json("status")["sources"]
    assert (after["state"]["n_missing"], desk.run("status", "--check").code) == (1, 6)


def test_the_doctor_misses_what_was_offered_before(desk: Desk) -> None:
    """Ill with exit code 3 and the way out, before a run and after; well once it is back."""
    assert desk.run("run", "bc").code == 0
    assert desk.run("sources", "doctor", "bc").code == 0
    card_published(desk, is_published=False)
    for _ in range(2):
        said = desk.run("sources", "doctor", "bc")
        words = " ".join(said.out.split())
        assert said.code == 3
        assert "is not offered any more (not there)" in words
        assert "sync-engine sources accept bc" in words
        desk.run("run", "bc")
    card_published(desk, is_published=True)
    assert desk.run("sources", "doctor", "bc").code == 0


def test_what_is_missing_is_shown_first_and_accepted_then(desk: Desk) -> None:
    """Without --apply nothing changes; with it the next run does without, and the change is told with who and why."""
    lose_the_card(desk)
    for _ in range(2):
        shown = desk.run("sources", "accept", "bc")
        assert shown.code == 0
        assert CARD in shown.out
        assert "Nothing was changed" in shown.out
    assert desk.run("run", "bc").code == 6
    refused = desk.run("sources", "accept", "bc", "--entity", "contacts", "--apply")
    assert refused.code == 2
    assert f"contacts is not missing. Missing: {CARD}." in refused.err
    accepted = desk.json(
        "sources", "accept", "bc", "-e", CARD, "--apply", "--by", "mette", "--reason", "unpublished"
    )
    assert [one["entity"] for one in accepted["missing"]] == [CARD]
    assert accepted["accepted"] is True
    assert desk.json("sources", "accept", "bc")["missing"] == []
    assert (desk.run("run", "bc").code, desk.run("status", "--check").code) == (0, 0)
    assert desk.run("sources", "accept", "bc", "--apply").code == 2, "there is nothing left to accept"


def test_what_answers_for_the_first_time_is_announced_once(desk: Desk) -> None:
    """The doctor says it before the run, the run and `status` when it was read; the first load and the run after announce nothing."""
    card_published(desk, is_published=False)
    first = desk.json("run", "bc")
    assert first["notes"] == {}
    assert found_by_the_doctor(desk, CARD)[-1][0] == "degraded"
    card_published(desk, is_published=True)
    sentence = "is offered for the first time, and read from now on"
    assert ("well", sentence) in found_by_the_doctor(desk, CARD)
    assert f"Note: {CARD}: {sentence}." in " ".join(desk.run("run", "bc").out.split())
    assert f"Note: bc {CARD}: {sentence}." in " ".join(desk.run("status").out.split())
    assert desk.run("status", "--check").code == 0
    assert desk.json("run", "bc")["notes"] == {}
    assert "first time" not in desk.run("status").out


def test_the_doctor_tells_odd_stamps_of_the_last_run(desk: Desk) -> None:
    """A customer stamped 2031 is read, and told by run, `status` and doctor; it is no failure."""
    next(iter(desk.company.customers.values())).modified_at = FAR
    said = desk.run("run", "bc")
    assert said.code == 0
    assert "stamped later" in said.out
    assert "stamped later" in " ".join(desk.run("status").out.split())
    ((verdict, detail),) = found_by_the_doctor(desk, "last run of customers")
    assert verdict == "degraded"
    assert "stamped later" in detail
    assert desk.run("sources", "doctor", "bc").code == 0


@pytest.mark.parametrize(("by", "says"), [(400, "400 days ahead of"), (-2, "2 days behind")])
def test_the_doctor_is_ill_of_a_clock_that_is_wrong(desk: Desk, by: int, says: str) -> None:
    """The source's answers are dated: our clock is compared with them, and a wrong one is set by a person."""
    desk.patch.setattr(
        SystemClock, "now", lambda _: datetime.now(UTC) + timedelta(days=by, seconds=30 if by > 0 else -30)
    )
    desk.simulator.world.clock.set(datetime.now(UTC))  # type: ignore[attr-defined]
    ((verdict, detail),) = found_by_the_doctor(desk, "clock")
    assert verdict == "ill"
    assert says in detail
    assert desk.run("sources", "doctor", "bc").code == 2
