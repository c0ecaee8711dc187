"""Notifications wake a lane and decide nothing: the handshake, the secret, what is heard, three days of life."""

from __future__ import annotations

import io
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pydantic import ValidationError

from connectors.business_central import BusinessCentral
from connectors.business_central.settings import Hints
from connectors.business_central.webhooks import WebhookReceiver
from sync_engine.errors import ConfigurationError
from sync_engine.platform import notifications
from sync_engine.records import Subscribed
from tests.connectors.business_central.small_company import small
from tests.connectors.support import Bench, bench

HINTS = {"url": "https://sync.example.com/hints/", "secret": "env:BC_HINT_SECRET"}
STATE = "what only we know"


def asked(
    receiver: WebhookReceiver,
    body: bytes = b"",
    query: str = "",
    method: str = "POST",
    length: int | None = None,
) -> tuple[int, bytes]:
    """Status and body of the receiver's answer."""
    seen: list[str] = []
    size = str(len(body) if length is None else length)
    environ = {
        "REQUEST_METHOD": method,
        "QUERY_STRING": query,
        "CONTENT_LENGTH": size,
        "wsgi.input": io.BytesIO(body),
    }
    answer = b"".join(receiver(environ, lambda status, headers: seen.append(status)))
    return int(seen[0].split()[0]), answer


@pytest.fixture
def there(home: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """The small company, whose simulator notifies a receiver in this process."""
    monkeypatch.setenv("BC_HINT_SECRET", STATE)
    made = bench(monkeypatch, world=small)

    def notify(url: str, body: bytes) -> tuple[int, bytes]:
        address, _, query = url.partition("?")
        assert address == "https://sync.example.com/hints/bc"
        return asked(receiver_of(opened(made)), body, query)

    made.simulator.webhooks.notify = notify
    return made


def opened(there: Bench) -> BusinessCentral:
    """A connector whose YAML asks for notifications."""
    return there.open(hints=HINTS)


def receiver_of(connector: BusinessCentral) -> WebhookReceiver:
    """Its receiver, which leaves hints where the engine looks for them."""
    receiver = connector.receiver(lambda entity: notifications.leave("bc", entity))
    assert receiver is not None
    return receiver


def test_a_change_is_heard_of(there: Bench) -> None:
    """Subscribed, told of a customer and a posting, taken; what is heard of meanwhile stays."""
    connector = opened(there)
    made = connector.subscribe()
    assert {(s.resource, s.outcome) for s in made} >= {
        ("customers", "made"),
        ("salesInvoices", "made"),
        ("generalLedgerEntries", "made"),
    }
    assert notifications.waiting("bc") == {}
    there.company.edit_customer("10000", city="Odense")
    there.company.post_journal_invoice("10000", there.company.entries[min(there.company.entries)].amount)
    assert rows_of(connector)
    heard = notifications.waiting("bc")
    assert set(heard) == {"customers", "payments"}
    notifications.take("bc", min(heard.values()) - timedelta(microseconds=1))
    assert set(notifications.waiting("bc")) == {"customers", "payments"}
    notifications.take("bc", max(heard.values()))
    assert notifications.waiting("bc") == {}


def rows_of(connector: BusinessCentral) -> list[Any]:
    """Anything that is asked lets the simulator deliver what waits."""
    return list(connector.pull("companyInformation", None))


def test_subscriptions_are_renewed_before_they_end(there: Bench) -> None:
    """Kept for a day, renewed after it, made again when they ended; one that is refused stops no other."""
    connector = opened(there)
    first = connector.subscribe()
    refused = {s.resource for s in first if s.outcome == "refused"}
    assert all(s.why for s in first if s.outcome == "refused")
    for hours, outcome in ((1, "kept"), (30, "renewed"), (100, "made")):
        there.hands.time.advance(timedelta(hours=hours))
        there.company.edit_customer("10000", city=f"Town {hours}")
        rows_of(connector)
        assert {s.outcome for s in connector.subscribe() if s.resource not in refused} == {outcome}
    assert Subscribed("x", "kept").why == ""


def test_a_subscription_of_another_company_is_not_ours(there: Bench) -> None:
    """The same source told to read another company hears of that one."""
    opened(there).subscribe()
    second = there.simulator.world.add_company("Second & Co")
    other = there.open(hints=HINTS, company=second.id)
    assert {s.outcome for s in other.subscribe() if s.resource == "customers"} == {"made"}
    assert {s.outcome for s in other.subscribe() if s.resource == "customers"} == {"kept"}


def test_only_who_knows_the_secret_is_believed(there: Bench) -> None:
    """A wrong state, another resource, no JSON, too much: nothing is recorded, and no path but our own is written to."""
    receiver = receiver_of(opened(there))

    def told(resource: str, state: str = STATE) -> bytes:
        return msgspec.json.encode({"value": [{"resource": resource, "clientState": state}]})

    mine = f"/api/v2.0/companies({there.company.id})/customers(1)"
    both = msgspec.json.encode(
        {"value": [{"resource": mine, "clientState": STATE}, {"resource": mine, "clientState": "a guess"}]}
    )
    assert asked(receiver, told(mine, "a guess"))[0] == 403
    assert asked(receiver, both)[0] == 403
    assert asked(receiver, told(f"/api/v2.0/companies({there.company.id})/..%2f..%2fetc"))[0] == 200
    assert asked(receiver, b"<html>")[0] == 400
    assert asked(receiver, told(mine), length=-1)[0] == 400
    assert asked(receiver, b"{}", length=1 << 24)[0] == 413
    assert asked(receiver, method="GET")[0] == 405
    assert notifications.waiting("bc") == {}
    assert notifications.waiting("../x") == {}
    with pytest.raises(ValueError, match="names a source"):
        notifications.leave("../x", "customers")
    assert asked(receiver, told(mine))[0] == 200
    assert set(notifications.waiting("bc")) == {"customers"}


def test_the_handshake_gives_the_token_back(there: Bench) -> None:
    """And nothing else: what is no plain token is refused."""
    receiver = receiver_of(opened(there))
    assert asked(receiver, query="validationToken=abc%2D1") == (200, b"abc-1")
    assert asked(receiver, query="validationToken=%C3%B8")[0] == 400


def test_a_full_disk_asks_for_another_try() -> None:
    """5xx keeps the subscription; Business Central comes again for 36 hours."""

    def full(entity: str) -> None:
        raise OSError(28, "No space left on device")

    resource = "companies(5de545bc-f6f9-ef11-9344-6045bdc8c234)/customers"
    body = msgspec.json.encode({"value": [{"resource": resource, "clientState": STATE}]})
    assert asked(WebhookReceiver(STATE, full), body)[0] == 503


def test_without_the_setting_nothing_is_asked_for(there: Bench) -> None:
    """No receiver, no subscription, no request; and with it the secret has to be there and the address has to be https."""
    plain = there.open()
    assert (plain.receiver(lambda entity: None), plain.subscribe(), plain.calls) == (None, (), 0)
    with pytest.raises(ConfigurationError, match="BC_NO_SUCH_SECRET"):
        there.open(hints=HINTS | {"secret": "env:BC_NO_SUCH_SECRET"}).receiver(lambda entity: None)
    with pytest.raises(ValidationError, match="https"):
        Hints.model_validate(HINTS | {"url": "http://sync.example.com"})
