"""The law of what comes late: each endpoint fails once, each record is put aside once; one clean run later all is as in a fresh load.

Endpoints come from the simulator's catalogue, records from what was landed: a new one is in it by itself. LATE_CASES=all tries every
failure at every endpoint, and every record; without it each endpoint fails in one way, and of each kind one record is put aside.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from sync_engine.errors import MappingFailed, SyncError
from sync_engine.ops.runs import quarantine
from sync_engine.ports import Normalised, Normaliser
from sync_engine.stages.pull import pull
from tests.connectors.support import Bench
from tests.simulators.business_central.catalogue import catalogues
from tests.simulators.business_central.clock import SimulatorClock
from tests.simulators.business_central.faults import Fault, HtmlErrorPage, Refuses, ServerBusy
from tests.simulators.business_central.world import Company
from tests.stages.happenings import small
from tests.stages.support import Rig, Snapshot, another_database, bench_of, difference, living, rig_on

pytestmark = pytest.mark.timeout(1800)  # a whole route of endpoints is one case
ALL = os.environ.get("LATE_CASES") == "all"
INSTALLED: dict[str, dict[str, bool]] = {
    "custom_api": {},
    "odata_page": {"custom_api": False},
    "analytics": {"custom_api": False, "ledger_page_published": False},
    "reports_finance": {"custom_api": False, "ledger_page_published": False, "analytics": False},
    "invoices": {
        "custom_api": False,
        "ledger_page_published": False,
        "analytics": False,
        "reports_finance": False,
    },
}
"""What an installation lacks where this route is the best it has."""


FIRST = next(iter(INSTALLED))
PARTS = [
    (route, part, parts)
    for route in INSTALLED
    for parts in [6 if route == FIRST else 1]
    for part in range(parts)
]
"""The first route tries what all routes ask as well: its cases are spread over several tests."""
Failure = Callable[[str], Fault]
FAILURES: tuple[Failure, ...] = (
    lambda match: HtmlErrorPage(match=match),
    lambda match: Refuses(403, match=match),
    lambda match: Refuses(404, match=match),
    lambda match: Refuses(500, match=match),
    lambda match: HtmlErrorPage(200, match=match),
    lambda match: ServerBusy(match=match),
)


def everything_refers(company: Company, time: SimulatorClock) -> None:
    """A small company in which every kind of record names another: owners, terms, parents, colleagues, money that settles what is owed."""
    small(company, time)
    company.add_payment_method("BANK", "Bank transfer")
    parent = next(iter(company.customers.values()))
    child = company.create_customer(
        "Daughter Ltd",
        bill_to=parent.number,
        payment_term="30 DAYS",
        salesperson_code="JO",
        country="DK",
        currency="EUR",
    )
    company.create_contact("Ib Ibsen", customer=child.number, job_title="CFO")
    company.set_default_dimension(child.number, "CUSTOMERGROUP", "LARGE")
    owed = company.post_invoice(child.id, Decimal(500))
    company.post_credit_memo(child.id, Decimal(40), applies_to=owed.number)
    company.pay_invoice(owed.id, Decimal(60))
    company.post_journal_invoice(parent.id, Decimal(77))
    company.post_payment(parent.id, Decimal(11))
    company.dispute(owed.number, "QUALITY")
    company.promise(owed.number, date(2026, 4, 1))
    company.edit_customer(parent.number, salesperson_code="JO")


@contextmanager
def rig_for(
    monkeypatch: pytest.MonkeyPatch, url: str, lake: Path, route: str, **changes: Any
) -> Iterator[Rig]:
    """The company on an installation whose best ledger route is this one; the route is left to the connector."""
    bench = bench_of(monkeypatch, world=everything_refers, **INSTALLED[route])
    with rig_on(
        bench,
        url,
        lake,
        route="custom_api" if route == "custom_api" else "auto",
        sweep={"brake": 1},
        **changes,
    ) as rig:
        if route == "custom_api":
            rig.config.connection["ledger"]["route"] = "auto"
        yield rig


def endpoints(bench: Bench) -> dict[str, str]:
    """Every entity set the simulated installation offers, and the pattern of the requests for it."""
    found = {}
    for api, catalogue in catalogues(bench.simulator.world.installation).items():
        for name in catalogue.sets:
            found[f"{api} {name}"] = rf"{re.escape(api)}/.*[/)]{name}(\(|\?|/|$)"
    return found | {"$metadata": r"\$metadata", "companies": r"/companies(\?|$)"}


def asked(rig: Rig) -> list[str]:
    """The endpoints that a load on this route asks at all."""
    return [name for name, match in endpoints(rig.bench).items() if rig.simulator.requests(match)]


def try_run(rig: Rig, **options: Any) -> None:
    """A run during which something fails: what can be read is."""
    try:
        rig.run(tolerant=True, **options)
    except SyncError:
        return


def fresh(rig: Rig, server: str, folder: Path) -> Snapshot:
    """What a load of the same company into an empty store gives."""
    with another_database(server) as url, rig_on(rig.bench, url, folder) as other:
        other.config = rig.config
        other.run()
        return living(other.store)


def told(found: dict[str, tuple[list[Any], list[Any]]]) -> dict[str, list[str]]:
    """The difference of two stores in few words: per table, rows only here, rows only there, and what differs in those of both."""
    said: dict[str, list[str]] = {}
    for table, (ours, theirs) in found.items():
        left, right = {row[0]: row for row in ours}, {row[0]: row for row in theirs}
        said[table] = [
            f"{key}: {[(a, b) for a, b in zip(left[key], right[key], strict=True) if a != b]}"
            for key in left.keys() & right.keys()
        ]
        said[table] += [f"only here: {left[key]}" for key in left.keys() - right.keys()] + [
            f"only there: {right[key]}" for key in right.keys() - left.keys()
        ]
    return said


def cases(route: str, names: Sequence[str]) -> list[tuple[str, Failure]]:
    """(endpoint, failure). What all routes ask is tried by the first of them, each in one way, unless all is wanted."""
    own = [name for name in names if ALL or route == FIRST or not name.startswith("v2.0 ") or "sales" in name]
    return [
        (name, kind)
        for place, name in enumerate(own)
        for number, kind in enumerate(FAILURES)
        if ALL or number == place % len(FAILURES)
    ]


@pytest.mark.parametrize(("route", "part", "parts"), PARTS)
def test_an_endpoint_that_failed_at_the_first_load_is_made_up_for(
    monkeypatch: pytest.MonkeyPatch,
    migrated_template: str,
    tmp_path: Path,
    route: str,
    part: int,
    parts: int,
) -> None:
    """Whatever could not be read at the first load, one clean run later nothing tells that it ever failed."""
    wrong: dict[str, Any] = {}
    with (
        another_database(migrated_template) as url,
        rig_for(monkeypatch, url, tmp_path / "whole", route) as rig,
    ):
        rig.run()
        whole, names, patterns = living(rig.store), asked(rig), endpoints(rig.bench)
        assert names
        for number, (name, kind) in enumerate(cases(route, names)[part::parts]):
            with (
                another_database(migrated_template) as other,
                rig_on(rig.bench, other, tmp_path / str(number)) as late,
            ):
                late.config = rig.config
                rig.simulator.inject(kind(patterns[name]))
                try_run(late)
                rig.simulator.heal()
                late.run()
                if found := difference(living(late.store), whole):
                    wrong[f"{name} {number}"] = found
    assert wrong == {}


class PutsAside:
    """A normaliser to which one record makes no sense."""

    def __init__(self, inner: Normaliser, entity: str, key: str) -> None:
        self._inner, self._entity, self._key = inner, entity, key
        self.version = inner.version

    def normalise(self, entity: str, records: Sequence[tuple[str, bytes]]) -> Normalised:
        """What the real one says about all but that record."""
        spoiled = [key for key, _ in records if entity == self._entity and key == self._key]
        out = self._inner.normalise(entity, [record for record in records if record[0] not in spoiled])
        out.failed += [(key, MappingFailed("it makes no sense", whose=entity, key=key)) for key in spoiled]
        return out


def records_of(rig: Rig, route: str) -> list[tuple[str, str]]:
    """(wire entity, key) of what was landed: of each kind the first, or all. What all routes read is tried by the first of them."""
    chosen = "" if ALL else "DISTINCT ON (t.rank)"
    only = "" if ALL or route == FIRST else "WHERE t.family = 'payments' OR t.canonical = 'document'"
    return [
        (e, k)
        for e, k in rig.rows(f"""
        SELECT {chosen} t.entity, r.key FROM engine.source_record r JOIN engine.stream t USING (stream_id) {only} ORDER BY t.rank, r.key
        """)
    ]


@pytest.mark.parametrize(("route", "part", "parts"), PARTS)
def test_a_record_that_was_put_aside_at_the_first_load_is_made_up_for(
    monkeypatch: pytest.MonkeyPatch,
    migrated_template: str,
    tmp_path: Path,
    route: str,
    part: int,
    parts: int,
) -> None:
    """Whatever the first cut had to do without, the next one has, and all that refers to it."""
    wrong: dict[str, Any] = {}
    with another_database(migrated_template) as url:
        with rig_for(monkeypatch, url, tmp_path / "lake", route) as rig:
            with rig.lane(uuid4()) as lane:
                for entity in lane.connector.streams:
                    pull(lane, entity)
            records = records_of(rig, route)[part::parts]
        whole = fresh(rig, migrated_template, tmp_path / "fresh")
        assert records
        for entity, key in records:
            with (
                another_database(migrated_template, like=urlsplit(url).path.strip("/")) as other,
                rig_on(rig.bench, other, tmp_path / "lake") as late,
            ):
                late.config = rig.config
                late.wrap = partial(PutsAside, entity=entity, key=key)
                late.run(entities=())
                late.wrap = None
                assert [aside.key for aside in quarantine.retry(late.store, entity=entity, key=key)] == [key]
                late.run(entities=())
                if found := told(difference(living(late.store), whole)):
                    wrong[f"{entity} {key}"] = found
    assert wrong == {}
