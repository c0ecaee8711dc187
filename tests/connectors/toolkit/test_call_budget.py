"""Calls per five minutes and login: shared, in order of urgency, and held by a 429."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from connectors.toolkit.http.call_budget import Budget, Urgency
from connectors.toolkit.http.client import HttpClient
from connectors.toolkit.http.limits import Limits
from sync_engine.errors import RateLimited
from tests.connectors.support import Hands


def spent(budget: Budget, clock: Hands, urgency: Urgency) -> int:
    """How many calls go through before one has to wait; the one that waited counts as the next one's."""
    for number in range(10_000):
        before = len(clock.slept)
        budget.spend(urgency)
        if len(clock.slept) > before:
            return number
    raise AssertionError("nobody ever waited")


@pytest.mark.parametrize(
    ("urgency", "most"),
    [(Urgency.BACKFILL, 70), (Urgency.SWEEP, 85), (Urgency.CHANGES, 95), (Urgency.ONE_DEBTOR, 100)],
    ids=lambda part: str(part),
)
def test_each_kind_of_call_has_its_share(urgency: Urgency, most: int, tmp_path: Path) -> None:
    """Of 100 calls a backfill takes 70 and leaves the rest to changes and to people."""
    clock = Hands()
    assert spent(Budget(100, clock, "login", tmp_path), clock, urgency) == most
    assert spent(Budget(100, clock), clock, urgency) == most


def test_a_person_does_not_wait_behind_a_backfill(tmp_path: Path) -> None:
    """What the backfill may not have, one debtor may."""
    clock = Hands()
    backfill, person = Budget(100, clock, "login", tmp_path), Budget(100, clock, "login", tmp_path)
    for _ in range(70):
        backfill.spend(Urgency.BACKFILL)
    assert spent(person, clock, Urgency.ONE_DEBTOR) == 30


def test_the_window_slides(tmp_path: Path) -> None:
    """What was spent more than five minutes ago is free again; nobody waits longer than that."""
    clock = Hands()
    budget = Budget(10, clock, "login", tmp_path)
    for _ in range(25):
        budget.spend(Urgency.ONE_DEBTOR)
    assert 590 <= sum(clock.slept) <= 630
    clock.time.advance(timedelta(minutes=6))
    assert spent(budget, clock, Urgency.ONE_DEBTOR) == 10


def test_window_and_shares_are_the_connectors(tmp_path: Path) -> None:
    """Ten calls a minute, half of them for a backfill: it waits for no more than a minute."""
    clock = Hands()
    shares = dict.fromkeys(Urgency, 1.0) | {Urgency.BACKFILL: 0.5}
    budget = Budget(10, clock, "login", tmp_path, window=60.0, shares=shares)
    assert spent(budget, clock, Urgency.BACKFILL) == 5
    assert 55 <= sum(clock.slept) <= 65


def test_two_processes_share_one_budget_and_two_logins_do_not(tmp_path: Path) -> None:
    """Each sees what the other has spent."""
    clock = Hands()
    left, right, stranger = (
        Budget(10, clock, name, tmp_path) for name in ("login", "login", "another login")
    )
    for _ in range(5):
        left.spend(Urgency.ONE_DEBTOR)
        right.spend(Urgency.ONE_DEBTOR)
    stranger.spend(Urgency.ONE_DEBTOR)
    assert clock.slept == []
    right.spend(Urgency.ONE_DEBTOR)
    assert clock.slept


def test_a_429_holds_everybody_of_the_login(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pause that one process was told is kept by the others, who never asked."""
    monkeypatch.setattr("connectors.toolkit.http.concurrency.tempfile.gettempdir", lambda: str(tmp_path))
    clock = Hands()
    answers = iter([httpx.Response(429, headers={"Retry-After": "40"}), httpx.Response(200, content=b"{}")])
    transport = httpx.MockTransport(lambda _: next(answers))
    first, second = (
        HttpClient("bc", clock, transport=transport, limits=Limits(attempts=1), shared="login")
        for _ in range(2)
    )
    with pytest.raises(RateLimited):
        first.get("https://host/x")
    assert clock.slept == []
    second.get("https://host/x")
    assert sum(clock.slept) == pytest.approx(40)


def test_no_folder_is_no_failure(tmp_path: Path) -> None:
    """Where no file can be had it counts in this process."""
    clock = Hands()
    assert spent(Budget(30, clock, "login", tmp_path / "gone"), clock, Urgency.ONE_DEBTOR) == 30


def test_what_others_used_counts(tmp_path: Path) -> None:
    """The other side says how much of the window is used up: by another program, or by calls that cost more than one."""
    clock = Hands()
    budget = Budget(100, clock, "login", tmp_path, window=60.0)
    budget.spend(Urgency.CHANGES)
    budget.told(91)
    assert spent(budget, clock, Urgency.CHANGES) == 4
    budget.told(3)
    assert spent(budget, clock, Urgency.CHANGES) > 4


def test_a_days_calls_that_are_used_up_are_an_error(tmp_path: Path) -> None:
    """Nobody sleeps for hours; the error says until when."""
    clock = Hands()
    budget = Budget(10, clock, "login", tmp_path, window=86_400.0, patience=600)
    for _ in range(10):
        budget.spend(Urgency.ONE_DEBTOR)
    with pytest.raises(RateLimited, match="the 10 calls it may make in 24 hours are used up") as caught:
        budget.spend(Urgency.ONE_DEBTOR)
    assert caught.value.retry_after is not None
    assert caught.value.retry_after > 80_000
    assert clock.slept == []


def test_a_client_hears_what_is_used_and_ends_at_its_day() -> None:
    """Both from the limits of the connector; the error says whose calls they were."""

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"X-Used": "95"})

    clock = Hands()
    limits = Limits(
        calls_per_window=100, window=60.0, calls_per_day=4, used=lambda headers: int(headers["X-Used"])
    )
    client = HttpClient(whose="api", clock=clock, transport=httpx.MockTransport(answer), limits=limits)
    client.get("https://h/x")
    assert clock.slept == []
    client.get("https://h/x")
    assert 55 <= sum(clock.slept) <= 65
    for _ in range(2):
        client.get("https://h/x")
    with pytest.raises(RateLimited, match="api: the 4 calls it may make in 24 hours are used up"):
        client.get("https://h/x")
