"""The same connector over real sockets: TLS with an authority of its own, plain http on this machine, a broken line."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.business_central import Settings, plugin
from sync_engine.errors import ConfigurationError, TransientError
from tests.connectors.support import Hands, bench, read, rows
from tests.simulators.business_central.faults import DropsConnection
from tests.simulators.business_central.server import serve
from tests.simulators.business_central.settings import settings as facts_of


@pytest.mark.parametrize("tls", [True, False], ids=["https", "http on loopback"])
def test_everything_over_http(tls: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Token, metadata, pages; connections dropped before and amid the answer."""
    there = bench(monkeypatch)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(Path(__file__)))
    with serve(there.simulator, tls=tls) as server:
        facts = facts_of(there.simulator, server.url, server.ca_file)
        given = {
            "base_url": facts.base_url,
            "authority": facts.authority,
            "company": there.company.id,
            "verify": facts.ca_file or True,
            "auth": {"client_id": facts.client_id, "client_secret": "env:BC_TEST_SECRET"},
            "document_page_size": 10,
        }
        there.simulator.inject(DropsConnection(every=7), DropsConnection(every=9, midway=True))
        opened = plugin.open("bc", Settings.read(given), Hands())
        assert len(rows(read(opened, "salesInvoices"))) == len(there.company.invoices)
        opened.close()
        if tls:
            with pytest.raises(ConfigurationError, match="verify"):
                assert plugin.open("bc", Settings.read(given | {"verify": True}), Hands()).streams


def test_nobody_at_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that is down is asked again later, by whoever schedules."""
    given = {"base_url": "http://127.0.0.1:9", "company": "C", "auth": "none", "attempts": 2}
    with pytest.raises(TransientError):
        assert plugin.open("bc", Settings.read(given), Hands()).streams
