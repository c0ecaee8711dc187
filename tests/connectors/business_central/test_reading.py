"""Changes, odd rows, spoiled pages: nothing is lost, nothing is guessed."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from connectors.business_central.reading import without_expand
from connectors.toolkit.rows import spliced
from sync_engine.errors import ConfigurationError, TransientError
from sync_engine.records import Cursor
from tests.connectors.support import Bench, bench, parsed, read, rows, unread
from tests.simulators.business_central.faults import (
    DataUpgradeNeeded,
    Deadlock,
    DropsConnection,
    ExpiresToken,
    Fault,
    HtmlErrorPage,
    LargePagesTimeOut,
    Throttled,
    TryAgainLater,
)
from tests.simulators.business_central.http import Request, Response
from tests.simulators.business_central.spoiled_answers import (
    ChangesWhileReading,
    ForeignNextLink,
    MalformedRecord,
    PoisonedExpand,
)


def cursor_of(there: Bench, entity: str) -> Cursor:
    """Where a first full read ends."""
    resume = read(there.open(), entity)[-1].resume_from
    assert resume is not None
    return resume


def test_only_what_changed_is_read_with_an_overlap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows committed late carry an older stamp, so a quarter of an hour is read again."""
    there = bench(monkeypatch)
    since = cursor_of(there, "customers")
    there.hands.time.advance(timedelta(days=1))
    with there.simulator.world.committed_late(timedelta(days=1, minutes=14)):
        there.company.edit_customer("10030", city="Late")
    changed = rows(read(there.open(), "customers", since))
    assert there.company.customer("10030").id in changed
    assert len(changed) < len(there.company.customers)


def test_rows_without_a_stamp_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A copied company carries 0001-01-01. [LIVE hg 222f16b]"""
    there = bench(monkeypatch)
    since = cursor_of(there, "customers")
    there.company.edit_customer("10000", city="Unstamped")
    there.company.forget_stamp("customers", "10000")
    assert there.company.customer("10000").id in rows(read(there.open(), "customers", since))


class PlainFilterOnly(Fault):
    """A host that knows `gt` and nothing else."""

    def before(self, request: Request) -> Response | None:
        return Response(400, body=b"{}") if " or " in request.target else None


class NoFilter(Fault):
    """A host that filters nothing."""

    def before(self, request: Request) -> Response | None:
        return (
            Response(400, body=b"{}")
            if "filter" in request.target and "customers" in request.target
            else None
        )


@pytest.mark.parametrize(
    ("fault", "complete"), [(PlainFilterOnly(), False), (NoFilter(), True)], ids=["gt only", "no filter"]
)
def test_a_host_that_filters_less_is_asked_for_more(
    fault: Fault, complete: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """First without the blank stamps, then everything."""
    there = bench(monkeypatch)
    since = cursor_of(there, "customers")
    there.simulator.inject(fault)
    there.company.edit_customer("10000", city="Odense")
    batches = read(there.open(), "customers", since)
    assert there.company.customer("10000").id in rows(batches)
    assert batches[-1].complete is complete


def test_a_cursor_of_another_kind_means_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rather too much than nothing."""
    there = bench(monkeypatch)
    for odd in ("rubbish", '{"v":9,"at":"2026-01-01T00:00:00Z"}'):
        assert read(there.open(), "customers", Cursor(odd))[-1].complete


def test_the_watermark_never_goes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pull that finds nothing new leaves it where it was."""
    there = bench(monkeypatch)
    since = cursor_of(there, "customers")
    assert read(there.open(), "customers", since)[-1].resume_from == since


@pytest.mark.parametrize(
    "fault",
    [
        Throttled(every=4),
        Throttled(every=4, retry_after=3),
        Deadlock(every=5),
        TryAgainLater(every=5),
        HtmlErrorPage(every=6),
        DropsConnection(every=6),
        ExpiresToken(after=14, every=17, times=None),
        LargePagesTimeOut(rows=22),
        LargePagesTimeOut(rows=22, status=504),
        ForeignNextLink(),
    ],
    ids=lambda fault: type(fault).__name__,
)
def test_what_passes_by_itself_loses_nothing(fault: Fault, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same rows as on a good day."""
    there = bench(monkeypatch)
    calm = {
        entity: rows(read(there.open(), entity))
        for entity in ("customers", "salesInvoices", "ledgerEntriesPage")
    }
    there.simulator.inject(fault)
    assert {entity: rows(read(there.open(), entity)) for entity in calm} == calm
    assert fault.struck


def test_a_server_that_never_answers_is_transient(monkeypatch: pytest.MonkeyPatch) -> None:
    """After five minutes, which is how long a window stays full."""
    there = bench(monkeypatch)
    opened = there.open()
    assert opened.streams
    there.simulator.inject(Throttled())
    with pytest.raises(TransientError):
        read(opened, "customers")


def test_a_data_upgrade_is_for_a_person(monkeypatch: pytest.MonkeyPatch) -> None:
    """It does not pass. [LIVE mj]"""
    there = bench(monkeypatch)
    opened = there.open()
    assert opened.streams
    there.simulator.inject(DataUpgradeNeeded())
    with pytest.raises(ConfigurationError, match="data upgrade"):
        read(opened, "customers")


def test_one_broken_record_does_not_hide_its_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """`$expand` fails over it: the page comes without, the lines one document at a time, byte for byte the same otherwise."""
    there = bench(monkeypatch)
    calm = rows(read(there.open(), "salesInvoices"))
    poisoned = sorted(calm)[12]
    there.simulator.inject(PoisonedExpand(poisoned, "salesInvoiceLines"))
    batches = read(there.open(), "salesInvoices")
    assert {key: parsed(payload) for key, payload in rows(batches).items()} == {
        key: parsed(payload) for key, payload in calm.items()
    }
    assert unread(batches) == {}


def test_a_row_without_an_id_gets_a_key_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that it can be quarantined instead of lost."""
    there = bench(monkeypatch)
    there.simulator.inject(MalformedRecord("id", None, match="/customers", after=1, times=1))
    found = rows(read(there.open(), "customers"))
    assert len(found) == len(there.company.customers)
    assert len([key for key in found if key.startswith("?")]) == 1


def test_what_changes_during_a_sweep_comes_with_the_next_pull(monkeypatch: pytest.MonkeyPatch) -> None:
    """A customer inserted behind the reader's back. [facts: case 20, mid-scan inserts]"""
    there = bench(monkeypatch)
    made: list[str] = []

    def insert(simulator: object) -> None:
        made.append(there.company.create_customer(f"Latecomer {len(made)}").id)

    opened = there.open()
    assert opened.streams
    there.simulator.inject(ChangesWhileReading(insert, match=r"/customers", times=3))
    batches = read(opened, "customers")
    found = rows(batches) | rows(read(opened, "customers", batches[-1].resume_from))
    assert set(made) <= set(found)


def test_posting_keeps_the_id(monkeypatch: pytest.MonkeyPatch) -> None:
    """A draft that is posted changes number, lines and status under the same key. [facts: case 10]"""
    there = bench(monkeypatch)
    draft = there.company.create_invoice("10000", amount=Decimal(12))
    since = cursor_of(there, "salesInvoices")
    there.hands.time.advance(timedelta(hours=1))
    there.company.post_document(draft.id)
    row = parsed(rows(read(there.open(), "salesInvoices", since))[draft.id])
    assert (row["status"], row["number"]) == ("Open", draft.number)
    assert len(row["salesInvoiceLines"]) == 1


def test_followers_are_read_again_only_when_their_leader_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    """customerContacts has no stamp, but it changes only with contacts."""
    there = bench(monkeypatch)
    since = cursor_of(there, "customerContacts")
    opened = there.open()
    assert opened.streams
    before = opened.calls
    assert rows(read(opened, "customerContacts", since)) == {}
    assert opened.calls == before + 1
    there.hands.time.advance(timedelta(hours=1))
    person = next(contact for contact in there.company.contacts.values() if contact.type == "Person")
    there.company.retitle_contact(person.number, "Chief")
    assert parsed(rows(read(opened, "customerContacts", since))[person.id])["professionalTitle"] == "Chief"


def test_refused_default_dimensions_come_through_the_customers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The flat set may be refused; then they are expanded."""
    there = bench(monkeypatch)
    calm = rows(read(there.open(), "defaultDimensions"))

    class Flat(Fault):
        def before(self, request: Request) -> Response | None:
            refused = "/defaultDimensions" in request.target and "top=1" not in request.target
            return Response(400, body=b"{}") if refused else None

    there.simulator.inject(Flat())
    batches = read(there.open(), "defaultDimensions")
    assert batches[-1].complete
    assert set(rows(batches)) == set(calm)


def test_small_tools() -> None:
    """A member more, a parameter less."""
    assert spliced(b'{"a":1}', "b", b"2") == b'{"a":1,"b":2}'
    assert spliced(b"{ }", "b", b"2") == b'{ "b":2}'
    assert (
        without_expand("https://h/x?aid=FIN&%24expand=lines&$skiptoken=1")
        == "https://h/x?aid=FIN&$skiptoken=1"
    )
    assert without_expand("https://h/x?$expand=lines") == "https://h/x"
