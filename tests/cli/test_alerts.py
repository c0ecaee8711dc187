"""Alerts: once per change, again when it is over, and nothing about people."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

import dagster as dg
import httpx
import pytest

from connectors.toolkit import alerts as sending
from connectors.toolkit.alerts import Sender
from dagster_project.alert_sensor import alert_sensor
from sync_engine.errors import ConfigurationError, SyncError, TransientError
from sync_engine.platform.clock import SystemClock
from sync_engine.store.db import open_engine, run_sql, transaction
from tests.cli.desk import SECRET, Desk
from tests.simulators.business_central.spoiled_answers import ShortSweep

ADDRESS = "https://hooks.example.com/services/T0K3N?key=s3cret"


class Inbox:
    """What was posted, and how it is answered."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.status = 200

    def __call__(self, request: httpx.Request) -> httpx.Response:
        assert str(request.url) == ADDRESS
        if self.status == 200:
            self.messages.append(json.loads(request.content))
        return httpx.Response(self.status, content=b"ok")

    def taken(self) -> list[str]:
        """The lines since the last look."""
        found = [line for message in self.messages for line in message["lines"]]
        self.messages.clear()
        return found


@pytest.fixture
def inbox(monkeypatch: pytest.MonkeyPatch) -> Inbox:
    """A webhook that keeps what it gets."""
    inbox = Inbox()
    monkeypatch.setenv("SYNC_ENGINE_ALERTS", ADDRESS)
    monkeypatch.setattr(sending.sender, "_transport", httpx.MockTransport(inbox))
    return inbox


def test_each_change_is_told_once(desk: Desk, inbox: Inbox) -> None:
    """Well: nothing. Failed, still failed, well again; held; a break and a worse grade: a message each, no more."""
    desk.json("run", "bc")
    assert desk.json("alerts", "send") == {"alerts": [], "addresses": 0}
    assert inbox.messages == []

    desk.patch.setenv(SECRET, "wrong")
    for _ in range(2):
        assert desk.run("run", "bc").code == 4
    would = desk.json("alerts", "send", "--dry-run")
    assert [a["kind"] for a in would["alerts"]] == ["failed"]
    assert inbox.messages == []
    assert desk.json("alerts", "send")["addresses"] == 1
    assert inbox.messages[0]["title"] == "sync-engine, needs a look: bc"
    (line,) = inbox.taken()
    assert "bc has failed since" in line
    assert "the token was refused" in line
    assert desk.run("run", "bc").code == 4
    assert desk.json("alerts", "send")["alerts"] == []

    desk.patch.setenv(SECRET, desk.simulator.world.installation.client_secret)
    desk.json("run", "bc")
    desk.json("alerts", "send")
    assert inbox.messages[0]["title"] == "sync-engine, better: bc"
    assert inbox.taken() == ["bc does not fail any more."]

    desk.simulator.inject(ShortSweep(keep=2, match=r"/customers\?|/customers$"))
    assert desk.run("run", "bc", "--full").code == 6
    desk.json("alerts", "send")
    held = inbox.taken()
    assert any("held, 1 sweeps wait for a person" in line for line in held)
    desk.simulator.heal()
    desk.json("run", "bc", "--full")
    desk.json("alerts", "send")
    assert "bc has nothing held any more." in inbox.taken()


def test_a_worse_grade_and_a_break_are_told_and_name_no_one(desk: Desk, inbox: Inbox, database: str) -> None:
    """The grade with what it was about; of the records behind it nothing: no name, number or address."""
    desk.json("run", "bc")
    desk.json("alerts", "send")
    store = open_engine(database)
    with transaction(store, "a figure that somebody changed behind our back") as connection:
        run_sql(
            connection,
            """
            UPDATE canonical.document SET open_amount = open_amount + 7
            WHERE id = (SELECT id FROM canonical.document WHERE open_amount > 10 ORDER BY id LIMIT 1)
            """,
        )
    store.dispose()
    assert desk.run("run", "bc").code == 6
    desk.json("alerts", "send")
    told = " ".join(inbox.taken())
    assert "the grade of its certificate is C" in told
    assert "does not agree with its source: C" in told
    for customer in desk.company.customers.values():
        assert customer.name not in told
        assert customer.number not in told
    desk.json("alerts", "send")
    assert inbox.taken() == []


def test_what_was_not_taken_is_told_again(desk: Desk, inbox: Inbox) -> None:
    """A webhook that is down loses nothing, says that it failed, and its address is in no error."""
    desk.json("run", "bc")
    desk.patch.setenv(SECRET, "wrong")
    desk.run("run", "bc")
    inbox.status = 503
    said = desk.run("alerts", "send")
    assert said.code == 75
    assert "s3cret" not in said.err
    assert "T0K3N" not in said.err
    inbox.status = 200
    desk.json("alerts", "send")
    assert len(inbox.taken()) == 1


def test_an_old_source_is_stale(desk: Desk, inbox: Inbox, database: str) -> None:
    """Nobody asked it for longer than it may be."""
    desk.json("run", "bc")
    store = open_engine(database)
    with transaction(store, "an old reading") as connection:
        run_sql(connection, "UPDATE engine.stream SET verified_at = now() - interval '9 hours'")
    store.dispose()
    desk.json("alerts", "send")
    assert inbox.taken() == ["bc: stale, last asked 9 hours ago."]
    desk.json("run", "bc")
    desk.json("alerts", "send")
    assert inbox.taken() == ["bc is read in time again."]


def test_without_an_address_nothing_is_sent(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says which variable is wanted; the sensor says the same and is not red for it."""
    monkeypatch.delenv("SYNC_ENGINE_ALERTS", raising=False)
    said = desk.run("alerts", "send")
    assert (said.code, "SYNC_ENGINE_ALERTS" in said.err) == (2, True)
    told = alert_sensor()(dg.build_sensor_context())
    assert isinstance(told, dg.SkipReason)
    assert "SYNC_ENGINE_ALERTS" in str(told.skip_message)


def test_the_sensor_tells_and_starts_no_run(desk: Desk, inbox: Inbox) -> None:
    """What it told stands in its tick; the next one tells nothing; a failure is our sentence."""
    desk.json("run", "bc")
    desk.patch.setenv(SECRET, "wrong")
    desk.run("run", "bc")
    sensor = alert_sensor()
    told = sensor(dg.build_sensor_context())
    assert isinstance(told, dg.SkipReason)
    assert "bc has failed since" in str(told.skip_message)
    assert len(inbox.taken()) == 1
    again = sensor(dg.build_sensor_context())
    assert isinstance(again, dg.SkipReason)
    assert "Nothing has changed" in str(again.skip_message)
    desk.patch.setenv(SECRET, desk.simulator.world.installation.client_secret)
    desk.json("run", "bc")
    inbox.status = 404
    with pytest.raises(dg.Failure, match="alerts webhook: refused with HTTP 404"):
        sensor(dg.build_sensor_context())


class Apprise:
    """The part of apprise that is used."""

    answers: Callable[[], bool] = staticmethod(lambda: True)
    told: list[tuple[str, str, str]] = []  # noqa: RUF012 - one for all, as the test looks at it

    def __init__(self) -> None:
        self.address = ""

    def add(self, address: str) -> bool:
        """Whether it is one of its addresses."""
        self.address = address
        return address.startswith("slack://")

    def notify(self, *, title: str, body: str) -> bool:
        """Whether it was sent."""
        self.told.append((self.address, title, body))
        return type(self).answers()


def by_apprise(address: str, lines: Sequence[str] = ("a", "b")) -> SyncError | None:
    """What sending ends with."""
    try:
        Sender().send(address, "title", lines, SystemClock())
    except SyncError as error:
        found: SyncError | None = error
    else:
        found = None
    assert "s3cret" not in str(found)
    return found


def test_other_addresses_go_through_apprise(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sent, not taken, not understood, broken, not installed: an error of ours each, and no token in any."""
    module = ModuleType("apprise")
    module.Apprise = Apprise  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "apprise", module)
    assert by_apprise("slack://s3cret/token") is None
    assert Apprise.told == [("slack://s3cret/token", "title", "a\nb")]
    assert isinstance(by_apprise("nonsense://s3cret"), ConfigurationError)
    monkeypatch.setattr(Apprise, "answers", staticmethod(lambda: False))
    assert isinstance(by_apprise("slack://s3cret"), TransientError)

    def breaks() -> bool:
        raise RuntimeError("slack://s3cret")

    monkeypatch.setattr(Apprise, "answers", staticmethod(breaks))
    assert isinstance(by_apprise("slack://s3cret"), TransientError)
    monkeypatch.setitem(sys.modules, "apprise", None)
    missing = by_apprise("mailtos://s3cret")
    assert isinstance(missing, ConfigurationError)
    assert "pip install 'sync-engine[alerts]'" in str(missing)
    assert isinstance(by_apprise("http://example.com/s3cret"), ConfigurationError)
