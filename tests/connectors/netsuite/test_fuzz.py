"""Every answer of NetSuite, made odd at random: neighbours arrive, every key is accounted for, only our errors are raised.

Of SYNC_ENGINE_FUZZ odd answers a fifth is tried, each on an account looked at anew; SYNC_ENGINE_FUZZ_SEED where chance begins.
"""

from __future__ import annotations

import os

import httpx
import pytest

from connectors.netsuite import plugin
from mappings.netsuite import plugin as mapping
from sync_engine.ports import Connector
from tests.connectors.netsuite.stage import CONNECTION, stage
from tests.connectors.odd_answers import OddTransport, records_of, wrong_answers

RESTS_ON = {
    "SELECT 'session' AS name": "whether anything has changed: without it nothing is known of any stream",
    "SELECT x.list AS list": "subsidiaries and currencies: what the amounts of every stream are in",
    "SELECT l.previousdoc AS previousdoc": "what was settled anew: a link that cannot be read may be of any document",
    "does not say whose it is": "a part that may be of any record: each may lack it",
    "SELECT d.nextdoc AS nextdoc": "which deposit an application settles with",
}
"""Questions that a stream rests on as a whole: an odd answer stops it with one of our errors, and it is asked again with the next run."""
TRIED = int(os.environ.get("SYNC_ENGINE_FUZZ", "500")) // 5
SEED = os.environ.get("SYNC_ENGINE_FUZZ_SEED", "NORDLYS")


def test_an_odd_answer_costs_what_is_odd(monkeypatch: pytest.MonkeyPatch) -> None:
    """One odd answer after another, of every list that a stream is read from."""
    there = stage(monkeypatch)
    settings = plugin.settings.model_validate(CONNECTION)

    def make(transport: OddTransport) -> Connector:
        return plugin.open("netsuite", settings, there.books.time, transport)

    normaliser = mapping.normaliser("netsuite", mapping.settings())
    wrong = list(
        wrong_answers(
            make, there.transport, normaliser, there.debtor(), tried=TRIED, seed=SEED, fatal=RESTS_ON
        )
    )
    assert not wrong, "\n".join(wrong)


class Cut(httpx.BaseTransport):
    """Hands on what another transport answers, with a text in it cut in the middle of a character."""

    def __init__(self, inner: httpx.BaseTransport, text: str) -> None:
        self.inner, self.text = inner, text

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = self.inner.handle_request(request)
        body = response.read().replace(f'"{self.text}"'.encode(), rb'"cut \ud83c"')
        headers = {k: v for k, v in response.headers.items() if k.lower() != "content-length"}
        return httpx.Response(response.status_code, headers=headers, content=body)


def test_a_name_cut_in_mid_character_is_put_aside_and_not_emptied(monkeypatch: pytest.MonkeyPatch) -> None:
    """What of a damaged row is sound is no row that says nothing of the rest: the record is unreadable, all others are as they were."""
    there = stage(monkeypatch)
    [(key, name), *_] = there.books.rows(
        'SELECT "id", "companyname" FROM "customer" WHERE "companyname" IS NOT NULL ORDER BY "id"'
    )
    calm = {record.key: record.payload for record in records_of("customers", None, there.open())}
    settings = plugin.settings.model_validate(CONNECTION)
    opened = plugin.open("netsuite", settings, there.books.time, Cut(there.transport, name))
    found = records_of("customers", None, opened)
    assert [(r.key, r.unreadable) for r in found if r.unreadable] == [
        (str(key), "holds half a character (a lone surrogate)")
    ]
    assert {r.key: r.payload for r in found if not r.unreadable} == {
        k: v for k, v in calm.items() if k != str(key)
    }
