"""Logging in: what we sign is verified by oauthlib's server side and by joserfc, and a certificate's end is told before it comes."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors.netsuite import NetSuite
from sync_engine.errors import AuthenticationFailed
from tests.connectors.netsuite.stage import NetSuiteStage, stage
from tests.simulators.netsuite import key_pair
from tests.simulators.netsuite.server import TOKEN


@pytest.fixture(params=["PS256", "ES256"])
def certified(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> tuple[NetSuiteStage, dict[str, Any]]:
    """An account that knows our certificate, and the settings that use it."""
    there = stage(monkeypatch)
    private, public = key_pair(request.param)
    (tmp_path / "key.pem").write_text(private)
    there.transport.door.certify("certificate-1", public)
    auth = {
        "kind": "client_credentials",
        "client_id": there.transport.door.client_id,
        "certificate_id": "certificate-1",
        "private_key": f"file:{tmp_path / 'key.pem'}",
        "algorithm": request.param,
    }
    return there, auth


def opened(certified: tuple[NetSuiteStage, dict[str, Any]], **changes: Any) -> NetSuite:
    """A connector that logs in by certificate."""
    there, auth = certified
    return there.open(auth=auth | changes)


def test_an_assertion_becomes_a_token_for_an_hour(certified: tuple[NetSuiteStage, dict[str, Any]]) -> None:
    """One is asked for at first, one when the hour is over, none in between."""
    there, _ = certified
    connector = opened(certified)
    for _ in range(3):
        list(connector.pull("customers", None))
    assert there.transport.door.issued == 1
    there.books.time.sleep(3600)
    list(connector.pull("customers", None))
    assert there.transport.door.issued == 2


def test_a_certificate_that_is_not_mapped_any_more_needs_a_person(
    certified: tuple[NetSuiteStage, dict[str, Any]],
) -> None:
    """A refresh of a sandbox wipes its mappings: it is asked once."""
    there, _ = certified
    there.transport.door.certificates.clear()
    with pytest.raises(AuthenticationFailed):
        opened(certified).probe()
    assert there.transport.asked == [TOKEN]


def test_the_end_of_a_certificate_is_told_before_it_comes(
    certified: tuple[NetSuiteStage, dict[str, Any]],
) -> None:
    """A month before, doctor says so; a year before, it says nothing."""
    there, _ = certified
    today = there.books.time.now().date()
    for days, warned in ((20, True), (-1, True), (300, False)):
        probe = opened(certified, expires=today + timedelta(days=days)).probe()
        assert any(one.name == "certificate" and not one.available for one in probe.capabilities) is warned


def test_the_realm_is_the_account(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another account's token is refused, although its signature holds."""
    there = stage(monkeypatch)
    there.transport.door.account = "TSTDRV12345"
    with pytest.raises(AuthenticationFailed):
        there.open().probe()
