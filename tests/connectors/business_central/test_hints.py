"""Notifications wake a lane and decide nothing: the handshake, the secret, what is recorded, three days of life."""

from __future__ import annotations

import io
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from connectors.business_central.hints import HintReceiver, Subscribed, subscribe, take, waiting
from tests.connectors.support import Bench, bench
from tests.connectors.test_tricky_cases import small

URL = "http://127.0.0.1:8080/hints"
STATE = "what only we know"


def asked(receiver: HintReceiver, body: bytes = b"", query: str = "", method: str = "POST", length: int | None = None) -> tuple[int, bytes]:
    """Status and body of the receiver's answer."""
    seen: list[str] = []
    size = str(len(body) if length is None else length)
    environ = {"REQUEST_METHOD": method, "QUERY_STRING": query, "CONTENT_LENGTH": size, "wsgi.input": io.BytesIO(body)}
    answer = b"".join(receiver(environ, lambda status, headers: seen.append(status)))
    return int(seen[0].split()[0]), answer


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Bench:
    """The small company, whose simulator notifies a receiver in this process."""
    made = bench(monkeypatch, world=small)
    receiver = HintReceiver(tmp_path, STATE, {made.company.id.upper(): "bc"})

    def notify(url: str, body: bytes) -> tuple[int, bytes]:
        return asked(receiver, body, url.partition("?")[2])

    made.simulator.webhooks.notify = notify
    return made


def test_a_change_wakes_the_lane(there: Bench, tmp_path: Path) -> None:
    """Subscribed, told of a customer and a posting, taken; what is heard of meanwhile stays."""
    opened = there.open()
    made = subscribe(opened, URL, STATE)
    assert {(s.resource, s.outcome) for s in made} >= {("customers", "made"), ("salesInvoices", "made"), ("generalLedgerEntries", "made")}
    assert waiting(tmp_path, "bc") == {}
    there.company.edit_customer("10000", city="Odense")
    there.company.post_journal_invoice("10000", there.company.entries[min(there.company.entries)].amount)
    assert rows_of(opened)
    heard = waiting(tmp_path, "bc")
    assert set(heard) == {"customers", "payments"}
    take(tmp_path, "bc", {"payments": heard["payments"], "customers": heard["customers"] - timedelta(seconds=1)})
    assert set(waiting(tmp_path, "bc")) == {"customers"}


def rows_of(opened: Any) -> list[Any]:
    """Anything that is asked lets the simulator deliver what waits."""
    return list(opened.pull("companyInformation", None))


def test_subscriptions_are_renewed_before_they_end(there: Bench) -> None:
    """Kept for a day, renewed after it, made again when they ended; one that is refused stops no other."""
    opened = there.open()
    first = subscribe(opened, URL, STATE)
    refused = {s.resource for s in first if s.outcome == "refused"}
    assert all(s.why for s in first if s.outcome == "refused")
    for hours, outcome in ((1, "kept"), (30, "renewed"), (100, "made")):
        there.hands.time.advance(timedelta(hours=hours))
        there.company.edit_customer("10000", city=f"Town {hours}")
        rows_of(opened)
        assert {s.outcome for s in subscribe(opened, URL, STATE) if s.resource not in refused} == {outcome}
    assert Subscribed("x", "kept").why == ""


def test_only_who_knows_the_secret_is_believed(there: Bench, tmp_path: Path) -> None:
    """A wrong state, another company, another resource, no JSON, too much: nothing is recorded."""
    receiver = HintReceiver(tmp_path, STATE, {there.company.id: "bc"})

    def told(resource: str, state: str = STATE) -> bytes:
        return msgspec.json.encode({"value": [{"resource": resource, "clientState": state}]})

    mine = f"/api/v2.0/companies({there.company.id})/customers(1)"
    assert asked(receiver, told(mine, "a guess"))[0] == 403
    assert asked(receiver, told("/api/v2.0/companies(00000000-0000-0000-0000-000000000001)/customers"))[0] == 200
    assert asked(receiver, told(f"/api/v2.0/companies({there.company.id})/..%2f..%2fetc"))[0] == 200
    assert asked(receiver, b"<html>")[0] == 400
    assert asked(receiver, b"{}", length=1 << 24)[0] == 413
    assert asked(receiver, method="GET")[0] == 405
    assert list(tmp_path.iterdir()) == []
    assert waiting(tmp_path, "../x") == {}
    assert asked(receiver, told(mine))[0] == 200
    assert set(waiting(tmp_path, "bc")) == {"customers"}


def test_the_handshake_gives_the_token_back(tmp_path: Path) -> None:
    """And nothing else: what is no plain token is refused."""
    receiver = HintReceiver(tmp_path, STATE, {})
    assert asked(receiver, query="validationToken=abc%2D1") == (200, b"abc-1")
    assert asked(receiver, query="validationToken=%C3%B8")[0] == 400


def test_a_full_disk_asks_for_another_try(there: Bench, tmp_path: Path) -> None:
    """5xx keeps the subscription; Business Central comes again for 36 hours."""
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    receiver = HintReceiver(blocked, STATE, {there.company.id: "bc"})
    body = msgspec.json.encode({"value": [{"resource": f"companies({there.company.id})/customers", "clientState": STATE}]})
    assert asked(receiver, body)[0] == 503
