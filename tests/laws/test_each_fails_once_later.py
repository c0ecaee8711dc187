"""The law of what comes late, in later runs: an endpoint fails in a run of changes or in a sweep, a record that was good turns bad.

One clean run later all is as in a fresh load. A record that was put aside is corrected by the ERP, which changes it again: nobody asks
for another try. LATE_CASES=all tries every failure at every endpoint, and every record that changes twice; without it a few of each,
the same ones every time.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlsplit

import pytest

from tests.laws.late import (
    ALL,
    FAILURES,
    FIRST,
    INSTALLED,
    PutsAside,
    asked,
    endpoints,
    fresh,
    rig_for,
    told,
    try_run,
)
from tests.simulators.business_central.clock import SimulatorClock
from tests.simulators.business_central.world import Company
from tests.stages.snapshots import another_database, difference, living
from tests.stages.support import Rig, rig_on

pytestmark = pytest.mark.timeout(1800)  # a whole route is one case
FEW = 2
"""Endpoints of a route that fail, unless all are wanted."""
LATER = ("changes", "sweep", "full")
HOW = [
    (route, how)
    for place, route in enumerate(INSTALLED)
    for number, how in enumerate(LATER)
    if ALL or route == FIRST or number == place % len(LATER)
]
"""Which runs fail on which route: all on the first, one kind on each other, unless all are wanted."""
Case = TypeVar("Case")
Record = tuple[str, str]


def few(cases: Sequence[Case], seed: str) -> list[Case]:
    """Some of them, the same ones every time; all of them where all are wanted."""
    return list(cases) if ALL else random.Random(seed).sample(cases, min(FEW, len(cases)))


def tried(names: Sequence[str], route: str, how: str) -> list[tuple[str, int]]:
    """(endpoint, place of a failure): a few by chance, and one whose records are gone: only a sweep that is made good finds that."""
    cases = few([(name, kind) for name in names for kind in range(len(FAILURES))], f"{route} {how}")
    gone = next(name for name in names if name.endswith(" customers"))
    return cases if how == "changes" or any(name == gone for name, _ in cases) else [*cases, (gone, 0)]


# What happens to the company ------------------------------------------------------------------------


def what_will_go(company: Company) -> None:
    """Records of every kind that nothing refers to for ever: a sweep must find that they are gone."""
    customer = company.create_customer("Short-lived Ltd", payment_term="30 DAYS")
    company.create_contact("Eva Kort", customer=customer.number, job_title="CFO")
    company.create_contact("Per Lang", customer=next(iter(company.customers.values())).number)
    company.set_default_dimension(customer.number, "CUSTOMERGROUP", "LARGE")
    company.add_dimension_value("CUSTOMERGROUP", "GONE", "Soon gone")
    company.add_payment_term("GONE", "Soon gone", 1)
    company.add_dispute_status("GONE", "Soon gone")


def everything_moves(company: Company, time: SimulatorClock, turn: int) -> None:
    """The ERP changes every record that it can: cards and set-up by a word, documents by a day and a payment, one application taken back."""
    time.advance(timedelta(hours=1))
    for row in (
        *company.currencies.values(),
        *company.payment_terms.values(),
        *company.payment_methods.values(),
        *company.dispute_statuses.values(),
        *company.salespeople.values(),
        *company.dimensions.values(),
        *company.dimension_values.values(),
    ):
        row.name = f"{row.name.split(' #')[0]} #{turn}"
        company.touch(row)
    for rate in company.exchange_rates.values():
        rate.relational_amount += turn
        company.touch(rate)
    company.display_name = f"Hansen & Søn #{turn}"
    company.touch(company.settings_row)
    for number, customer in enumerate(list(company.customers.values())):
        company.edit_customer(customer.number, city=f"Odense {turn}", credit_limit=1000 * turn + number)
    for contact in list(company.contacts.values()):
        company.edit_contact(contact.number, phone=f"+45 3312340{turn}", email=f"{turn}@hansen.example")
    values = [x.code for x in company.dimension_values.values() if x.type == "Standard"]
    for number, default in enumerate(list(company.default_dimensions.values())):
        company.set_default_dimension(str(default.parent_id), "CUSTOMERGROUP", values[(number + turn) % 2])
    for document in [*company.invoices.values(), *company.credit_memos.values()]:
        if document.posted:
            company.postpone(document.number, date(2026, 6, turn))
        else:
            company.edit_document(document.number, external_number=f"PO {turn}")
    money_moves(company, turn)


def money_moves(company: Company, turn: int) -> None:
    """A little is paid of an invoice in each turn; the second one takes the last application of the first back."""
    owed = [
        x
        for x in company.invoices.values()
        if x.posted and not x.currency_code and company.remaining_of(x) > 20
    ]
    last = max(number for entry in company.entries for number in company.applications_of(entry))
    company.pay_invoice(owed[0].number, Decimal(1))
    if turn == 1:
        company.post_payment(owed[0].bill_to_id, Decimal(7))
        company.pay_invoice(owed[-1].number, Decimal(5))
    else:
        company.unapply(last)


def what_goes(company: Company) -> None:
    """Of every kind of record that can be deleted one is."""
    company.delete_customer(next(x.number for x in company.customers.values() if "Short" in x.name))
    for name in ("Eva Kort", "Per Lang"):
        company.delete_contact(next(x.number for x in company.contacts.values() if x.name == name))
    company.delete_dimension_value("CUSTOMERGROUP", "GONE")
    company.drop(company.payment_terms, company.by_code(company.payment_terms, "GONE"))
    company.drop(company.dispute_statuses, company.by_code(company.dispute_statuses, "GONE"))
    company.delete_draft(next(x.id for x in company.invoices.values() if not x.posted))
    company.delete_posted(next(x.id for x in company.invoices.values() if x.posted))


# The cases ------------------------------------------------------------------------------------------


class ReadOnce(NamedTuple):
    """What a first load left: its database, which each case starts from a copy of, its lake, the time then, the endpoints it asked."""

    url: str
    lake: Path
    now: datetime
    asked: list[str]


@pytest.fixture(scope="module")
def read_once(
    migrated_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], ReadOnce]]:
    """By route: a company that was read once, made when a test first asks for it."""
    made: dict[str, ReadOnce] = {}
    with ExitStack() as kept, pytest.MonkeyPatch.context() as patch:

        def of(route: str) -> ReadOnce:
            if route not in made:
                url = kept.enter_context(another_database(migrated_template))
                lake = tmp_path_factory.mktemp("lake")
                with rig_for(patch, url, lake, route) as rig:
                    what_will_go(rig.company)
                    rig.run()
                made[route] = ReadOnce(url, lake, rig.bench.hands.time(), asked(rig))
            return made[route]

        yield of


@contextmanager
def as_it_was_read(monkeypatch: pytest.MonkeyPatch, once: ReadOnce, route: str) -> Iterator[Rig]:
    """The same company once more, as it was when it was read: it comes about by the same steps, with the same ids and stamps."""
    with rig_for(monkeypatch, once.url, once.lake, route) as rig:
        what_will_go(rig.company)
        rig.bench.hands.time.set(once.now)
        yield rig


@contextmanager
def copied(rig: Rig, server: str, once: ReadOnce) -> Iterator[Rig]:
    """A store of its own that knows what the first load knew. The lake is one: what a copy lands beside it has names of its own."""
    like = urlsplit(once.url).path.strip("/")
    with another_database(server, like=like) as url, rig_on(rig.bench, url, once.lake) as late:
        late.config = rig.config
        yield late


@pytest.mark.parametrize(("route", "how"), HOW)
def test_an_endpoint_that_failed_in_a_later_run_is_made_up_for(
    monkeypatch: pytest.MonkeyPatch,
    migrated_template: str,
    read_once: Callable[[str], ReadOnce],
    tmp_path: Path,
    route: str,
    how: str,
) -> None:
    """In a run of changes, in the sweep of the day, in a run that somebody asked to read everything: the next clean run makes up for it.

    Nobody has to ask for everything again, also where that run was refused altogether.
    """
    wrong: dict[str, Any] = {}
    once = read_once(route)
    with as_it_was_read(monkeypatch, once, route) as rig:
        names, patterns, time = once.asked, endpoints(rig.bench), rig.bench.hands.time
        everything_moves(rig.company, time, 1)
        if how != "changes":
            what_goes(rig.company)
            time.advance(timedelta(hours=30 if how == "sweep" else 1))
        now, whole = time(), fresh(rig, migrated_template, tmp_path / "fresh")
        assert names
        for name, kind in tried(names, route, how):
            with copied(rig, migrated_template, once) as late:
                time.set(now)
                rig.simulator.inject(FAILURES[kind](patterns[name]))
                try_run(late, full=how == "full")
                rig.simulator.heal()
                late.run()
                if found := told(difference(living(late.store), whole)):
                    wrong[f"{name} {kind}"] = found
    assert wrong == {}


def moved(rig: Rig) -> list[Record]:
    """(wire entity, key) of what a run finds new or changed."""
    run_id = rig.run().run_id
    return [
        (entity, key)
        for entity, key in rig.rows(
            """
            SELECT t.entity, r.key FROM engine.source_record r JOIN engine.lake_manifest m USING (batch_id)
            JOIN engine.stream t ON t.stream_id = r.stream_id WHERE m.run_id = :run AND r.deleted_at IS NULL ORDER BY t.rank, r.key
            """,
            run=run_id,
        )
    ]


def chosen(records: Sequence[Record], route: str) -> list[Record]:
    """Those that are tried: of each kind one, or all. What all routes read is tried by the first of them."""
    if ALL:
        return list(records)
    own = [x for x in records if route == FIRST or x[0].startswith(("ledger", "detailed", "sales", "open"))]
    return [record for n, record in enumerate(own) if n == 0 or record[0] != own[n - 1][0]]


def moved_twice(
    monkeypatch: pytest.MonkeyPatch, server: str, once: ReadOnce, route: str
) -> tuple[list[Record], list[Record]]:
    """What a run finds new or changed after the ERP changed everything, and after it did so again."""
    with as_it_was_read(monkeypatch, once, route) as rig, copied(rig, server, once) as scout:
        found = []
        for turn in (1, 2):
            everything_moves(rig.company, rig.bench.hands.time, turn)
            found.append(moved(scout))
    return found[0], found[1]


@pytest.mark.parametrize("route", INSTALLED)
def test_a_record_that_turned_bad_is_good_again_once_the_erp_changes_it(
    monkeypatch: pytest.MonkeyPatch,
    migrated_template: str,
    read_once: Callable[[str], ReadOnce],
    tmp_path: Path,
    route: str,
) -> None:
    """It is changed and makes no sense, and is changed again and does: nobody had to ask for another try.

    One of each kind turns bad, all together; each alone where all are wanted.
    """
    once, wrong = read_once(route), dict[str, Any]()
    first, second = moved_twice(monkeypatch, migrated_template, once, route)
    again = [record for record in first if record in second]
    assert {entity for entity, _ in first} - {entity for entity, _ in again} == set()
    tried = chosen(again, route)
    with as_it_was_read(monkeypatch, once, route) as rig, ExitStack() as copies:
        time, cases = rig.bench.hands.time, list[tuple[list[Record], Rig]]()
        everything_moves(rig.company, time, 1)
        now = time()
        for bad in [[record] for record in tried] if ALL else [tried]:
            time.set(now)
            late = copies.enter_context(copied(rig, migrated_template, once))
            late.wrap = partial(PutsAside, these=bad)
            late.run()
            late.wrap = None
            aside = late.rows(
                "SELECT t.entity, q.key FROM engine.quarantine q JOIN engine.stream t USING (stream_id)"
            )
            assert set(bad) <= {(str(entity), str(key)) for entity, key in aside}
            cases.append((bad, late))
        time.set(now)
        everything_moves(rig.company, time, 2)
        now, whole = time(), fresh(rig, migrated_template, tmp_path / "fresh")
        for bad, late in cases:
            time.set(now)
            late.run()
            if found := told(difference(living(late.store), whole)):
                wrong[str(bad)] = found
    assert wrong == {}
