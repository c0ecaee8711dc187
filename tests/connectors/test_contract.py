"""Business Central keeps the contract on five installations, and the contract notices when it is broken."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, ClassVar

import pytest

from connectors.business_central import BusinessCentral
from sync_engine.errors import SyncError
from sync_engine.records import Cursor, RecordBatch
from tests.connectors import contract as c
from tests.connectors.support import SECRET, Bench, bench
from tests.simulators.business_central.faults import ExpiresToken, Fault, Throttled
from tests.simulators.business_central.spoiled_answers import RepeatsPage, ShortSweep

FOLLOWERS = frozenset({"customerCard", "customerContacts", "contactsInformation"})


@dataclass
class BcStage:
    """A furnished simulator as the contract wants it."""

    bench: Bench
    settings: dict[str, Any]
    wrap: Callable[[BusinessCentral], Any] = lambda connector: connector
    secrets: tuple[str, ...] = (SECRET,)
    unresumable: frozenset[str] = FOLLOWERS

    def open(self) -> Any:
        settings = (
            self.bench.on_premises(**self.settings)
            if self.bench.simulator.world.installation.deployment != "saas"
            else None
        )
        return self.wrap(self.bench.open(settings) if settings else self.bench.open(**self.settings))

    def edit(self) -> tuple[str, str]:
        self.bench.hands.time.advance(timedelta(hours=1))
        row = self.bench.company.edit_customer("10020", city="Odense")
        return "customers", row.id

    def delete(self) -> tuple[str, str]:
        self.bench.hands.time.advance(timedelta(hours=1))
        row = next(x for x in self.bench.company.contacts.values() if x.type == "Person")
        self.bench.company.delete_contact(row.number)
        return "contacts", row.id

    def refuse(self) -> None:
        self.bench.simulator.world.installation.client_secret = "another one"
        self.bench.simulator.world.installation.web_service_key = "another one"
        self.bench.simulator.tokens.revoke_all()

    def debtor(self) -> str:
        return self.bench.company.customer("10040").id


def stage_of(
    *faults: Callable[[], Fault], settings: dict[str, Any] | None = None, **installed: Any
) -> Callable[[pytest.MonkeyPatch], BcStage]:
    """Makes a stage on an installation of one's choice, with faults from the start."""

    def make(monkeypatch: pytest.MonkeyPatch) -> BcStage:
        there = bench(monkeypatch, **installed)
        there.simulator.inject(*(fault() for fault in faults))
        return BcStage(there, settings or {})

    return make


CUSTOM = {"ledger": {"custom": {"publisher": "contoso", "group": "receivables"}}}
test_version_26_online = c.contract(stage_of())
test_with_an_api_page_of_its_own = c.contract(stage_of(settings=CUSTOM))
test_version_22_on_premises = c.contract(
    stage_of(version=22, deployment="on_prem", settings={"page_size": 3})
)
test_version_28_with_nothing_beside_the_standard = c.contract(
    stage_of(
        version=28,
        reports_finance=False,
        analytics=False,
        custom_api=False,
        ledger_page_published=False,
        always_empty_last_page=True,
    ),
)
test_throttled_and_with_tokens_that_expire = c.contract(
    stage_of(lambda: Throttled(every=5), lambda: ExpiresToken(after=9, times=None, every=31))
)


class Broken:
    """A connector with one promise broken; everything else is the real one's."""

    def __init__(self, real: BusinessCentral) -> None:
        self._real = real

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


class NeverComplete(Broken):
    """Sweeps without end."""

    def pull(self, entity: str, since: Cursor | None) -> Iterator[RecordBatch]:
        yield from (replace(batch, complete=False) for batch in self._real.pull(entity, since))


class EarlyCursor(Broken):
    """Moves the cursor before the rest was read."""

    def pull(self, entity: str, since: Cursor | None) -> Iterator[RecordBatch]:
        batches = list(self._real.pull(entity, since))
        yield from (replace(batch, resume_from=batches[-1].resume_from) for batch in batches)


class KeysByNumber(Broken):
    """Another key at every reading."""

    def pull(self, entity: str, since: Cursor | None) -> Iterator[RecordBatch]:
        for number, batch in enumerate(self._real.pull(entity, since)):
            yield replace(
                batch,
                records=[r._replace(key=f"{id(self)}-{number}-{n}") for n, r in enumerate(batch.records)],
            )


class Nostalgic(Broken):
    """Keeps what it saw first."""

    memory: ClassVar[dict[str, list[RecordBatch]]] = {}

    def pull(self, entity: str, since: Cursor | None) -> Iterator[RecordBatch]:
        yield from self.memory.setdefault(entity, list(self._real.pull(entity, None)))


class Deaf(Broken):
    """Never hears of a change."""

    def pull(self, entity: str, since: Cursor | None) -> Iterator[RecordBatch]:
        yield from self._real.pull(entity, None) if since is None else ()


class Chatty(Broken):
    """Asks at once."""

    def __init__(self, real: BusinessCentral) -> None:
        super().__init__(real)
        assert real.streams


class Indiscreet(Broken):
    """Shows its secret."""

    def __repr__(self) -> str:
        return f"Chatty({SECRET})"


class Foreign(Broken):
    """Lets another library's exception out."""

    @property
    def streams(self) -> Any:
        raise KeyError("value")


class ClosesOnce(Broken):
    """Minds being closed twice."""

    closed = False

    def close(self) -> None:
        if self.closed:
            raise RuntimeError("closed")
        self.closed = True


@pytest.mark.parametrize(
    ("broken", "rule"),
    [
        (NeverComplete, c.a_sweep_ends_complete_and_only_there),
        (EarlyCursor, c.a_sweep_can_be_resumed_at_every_cursor),
        (KeysByNumber, c.reading_again_gives_the_same),
        (KeysByNumber, c.a_sweep_sees_all_there_is),
        (Nostalgic, c.what_was_deleted_does_not_come_back),
        (Deaf, c.a_change_comes_with_the_next_pull),
        (Chatty, c.nothing_is_sent_before_the_first_question),
        (Indiscreet, c.errors_are_ours_and_keep_secrets),
        (Foreign, c.errors_are_ours_and_keep_secrets),
        (ClosesOnce, c.closing_twice_is_nothing),
    ],
    ids=lambda part: part.__name__,
)
def test_the_contract_notices_a_broken_connector(
    broken: type[Broken], rule: c.Rule, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A contract that cannot fail proves nothing."""
    Nostalgic.memory.clear()
    stage = stage_of()(monkeypatch)
    stage.wrap = broken
    with pytest.raises((AssertionError, KeyError, RuntimeError)):
        rule(stage)


@pytest.mark.parametrize(
    ("fault", "rule"),
    [
        (ShortSweep(keep=2, match=r"/customers\?|/customers$", after=1), c.a_sweep_sees_all_there_is),
        (RepeatsPage(match="/salesInvoices"), c.a_sweep_ends_complete_and_only_there),
    ],
    ids=lambda part: type(part).__name__ if isinstance(part, Fault) else part.__name__,
)
def test_the_contract_notices_a_broken_server(
    fault: Fault, rule: c.Rule, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that ends a list early, or leads in circles."""
    with pytest.raises((AssertionError, SyncError)):
        rule(stage_of(lambda: fault)(monkeypatch))
