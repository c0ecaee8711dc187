"""What comes late: a small company in which every kind of record names another, on every kind of installation, and each way an endpoint fails.

Endpoints come from the simulator's catalogue: a new one is in it by itself. LATE_CASES=all tries every failure at every endpoint, and
every record; without it few of each are tried.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from sync_engine.errors import MappingFailed, SyncError
from sync_engine.ports import Normalised, Normaliser
from tests.connectors.support import Bench
from tests.simulators.business_central.catalogue import catalogues
from tests.simulators.business_central.clock import SimulatorClock
from tests.simulators.business_central.faults import Fault, HtmlErrorPage, Refuses, ServerBusy
from tests.simulators.business_central.world import Company
from tests.stages.happenings import small
from tests.stages.snapshots import Snapshot, another_database, living
from tests.stages.support import Rig, bench_of, rig_on

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


def try_run(rig: Rig, **options: Any) -> bool:
    """A run during which something fails: what can be read is. Whether it was a run at all, and not refused as a whole."""
    try:
        rig.run(tolerant=True, **options)
    except SyncError:
        return False
    return True


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


class PutsAside:
    """A normaliser to which some records, named by wire entity and key, make no sense."""

    def __init__(self, inner: Normaliser, these: Collection[tuple[str, str]]) -> None:
        self._inner, self._these = inner, these
        self.version = inner.version

    def normalise(self, entity: str, records: Sequence[tuple[str, bytes]]) -> Normalised:
        """What the real one says about all but those records."""
        spoiled = [key for key, _ in records if (entity, key) in self._these]
        out = self._inner.normalise(entity, [record for record in records if record[0] not in spoiled])
        out.failed += [(key, MappingFailed("it makes no sense", whose=entity, key=key)) for key in spoiled]
        return out
