"""Every answer of e-conomic, made odd at random: neighbours arrive, every key is accounted for, only our errors are raised.

SYNC_ENGINE_FUZZ is how many odd answers are tried, SYNC_ENGINE_FUZZ_SEED where chance begins.
"""

from __future__ import annotations

import os

import pytest

from connectors.economic import plugin
from mappings.economic import plugin as mapping
from sync_engine.ports import Connector
from tests.connectors.economic.stage import CONNECTION, stage
from tests.connectors.odd_answers import OddTransport, wrong_answers

TRIED = int(os.environ.get("SYNC_ENGINE_FUZZ", "500"))
FATAL = {
    "what it belongs to cannot be told": "a line that may be of any invoice: each may lack it",
    "matched-pairs": "what a pair settled is worked out from all of them",
    "no row of a page has a key": "a page of which no row says its key leads nowhere",
}
SEED = os.environ.get("SYNC_ENGINE_FUZZ_SEED", "SMØR & BRØD")


def test_an_odd_answer_costs_what_is_odd(monkeypatch: pytest.MonkeyPatch) -> None:
    """One odd answer after another, of every list that a stream is read from."""
    there = stage(monkeypatch)
    settings = plugin.settings.model_validate(CONNECTION)

    def make(transport: OddTransport) -> Connector:
        return plugin.open("economic", settings, there.books.time, transport)

    normaliser = mapping.normaliser("economic", mapping.settings())
    wrong = list(
        wrong_answers(make, there.transport, normaliser, there.debtor(), tried=TRIED, seed=SEED, fatal=FATAL)
    )
    assert not wrong, "\n".join(wrong)
