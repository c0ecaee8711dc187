"""Two systems at size, one in ten of the second's debtors a noisy duplicate of the first's: what the rules link, with known truth.

    python -m tests.bench.crowd [--size 100000] [--seed 4]

The ladder alone, then the whole gate in PostgreSQL: a CRM full of unlinked records goes automatic by a plan, which is applied and
undone. Each in a process of its own, so that a peak of memory is its own (of the ladder's, the crowd itself is part).
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from sync_engine.config import SourceConfig
from sync_engine.matching import Circumstances, Known, climb, suggest
from sync_engine.ops import links
from sync_engine.platform import migrate
from sync_engine.platform.postgres import EmbeddedPostgres
from sync_engine.resemblance import Party
from tests.links.crowd import Crowd, Judged, Record, crowd
from tests.links.support import open_world

T = TypeVar("T")
Figures = dict[str, Any]
SETTINGS = {"shared_buffers": "256MB", "max_wal_size": "4GB", "work_mem": "64MB"}


def main() -> None:
    """Prints the figures."""
    ask = argparse.ArgumentParser(prog="make crowd ARGS=...", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--size", type=int, default=100_000)
    ask.add_argument("--seed", type=int, default=4)
    given = ask.parse_args()
    for title, measured in (("The ladder", ladder), ("The gate", gate)):
        figures = alone(measured, given.size, given.seed)
        sys.stdout.write(f"{title}, {given.size} debtors each\n" + "".join(f"  {what:<44}{figure}\n" for what, figure in figures.items()))


def alone(function: Callable[..., T], *arguments: object) -> T:
    """Runs something in a process of its own."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def ladder(size: int, seed: int) -> Figures:
    """The pure functions."""
    people = crowd(size, seed)
    known_parties = [party("erp", key, record, key) for key, record in people.erp.items()]
    parties = [party("crm", key, record) for key, record in people.crm.items()]
    seconds, circumstances = Figures(), Circumstances(roles={"erp": "erp", "crm": "crm"})
    known = timed(seconds, "know the ERP", lambda: Known(known_parties))
    outcomes = timed(seconds, "climb", lambda: climb(parties, known, circumstances))
    most = peak()
    linked = {key: str(o.canonical) for key, o in outcomes.items() if o.kind == "link"}
    cases = {key: "ambiguous" if o.kind == "ambiguous" else "vetoed" for key, o in outcomes.items() if o.kind == "ambiguous" or (o.kind != "link" and o.vetoed)}
    judged = people.judge(linked, cases)
    missed = [p for p in parties if p.key in judged.missed]
    suggested = sum(people.truth[s.key] == s.canonical for s in suggest(missed, known, circumstances))
    return {**told(people, judged, cases), "missed duplicates that are suggested": f"{suggested} of {len(missed)}", **seconds, "peak MB": most}


def gate(size: int, seed: int) -> Figures:
    """Plan, apply and undo of the switch to automatic, in a PostgreSQL of its own."""
    people, seconds = crowd(size, seed), Figures()
    with tempfile.TemporaryDirectory(prefix="crowd-") as folder, database(Path(folder)) as url:
        world = open_world(url, Path(folder) / "lake")
        world.add("erp", "erp")
        world.add("crm", "crm", links={"debtor": {"mode": "manual"}})
        world.say("erp", "companies", "1", name="Nordlys A/S", base_currency="DKK", country="DK")
        world.records["erp"]["debtors"], world.records["crm"]["debtors"] = people.erp, people.crm
        timed(seconds, "pull and publish the ERP", lambda: world.run("erp"))
        timed(seconds, "pull and publish the CRM", lambda: world.run("crm"))
        world.store.dispose()
        decided = alone(go_automatic, url, Path(folder) / "lake", world.configs["crm"])
    return {**told(people, people.judge(decided.linked, decided.cases), decided.cases), **decided.figures, **seconds}


class Decided(NamedTuple):
    """What the gate let in, and the figures of plan, apply and undo."""

    linked: dict[str, str]
    cases: dict[str, str]
    figures: Figures


def go_automatic(url: str, lake: Path, crm: SourceConfig) -> Decided:
    """What a person does, in a process that has seen nothing of the crowd."""
    world, seconds = open_world(url, lake), Figures()
    automatic = crm.link_settings("debtor").model_copy(update={"mode": "automatic", "create_unmatched": True})
    config = crm.model_copy(update={"links": {"debtor": automatic}})
    planned = timed(seconds, "plan", lambda: links.go_automatic(world.workshop, config, by="ada"))
    timed(seconds, "apply", lambda: links.apply(world.workshop, planned.hash, by="ada"))
    seconds["peak MB of plan and apply"] = peak()
    linked = dict(world.rows("""
        SELECT c.external_id, e.external_id FROM canonical.link c JOIN canonical.link e USING (entity, canonical_id)
        WHERE c.source = 'crm' AND e.source = 'erp' AND c.entity = 'debtor' AND c.method = 'rule'
        """))  # fmt: skip
    cases = {c["key"]: c["outcome"] for c in links.cases(world.workshop, "crm")}
    undo = timed(seconds, "plan the undo", lambda: links.undo(world.workshop, by="ada"))
    timed(seconds, "undo", lambda: links.apply(world.workshop, undo.hash, by="ada"))
    left = world.one("SELECT count(*) FROM canonical.link WHERE source = 'crm'")
    world.store.dispose()
    return Decided(linked, cases, {"created": planned.counts["created"], "links after undo": left, **seconds})


def party(source: str, key: str, record: Record, canonical: str | None = None) -> Party:
    """A record as the ladder sees it."""
    says = ("number", "external_number", "registration_no", "vat_no", "country", "name", "email", "phone", "postcode")
    return Party(source, key, canonical, *(record[what] for what in says))


def told(people: Crowd, judged: Judged, cases: dict[str, str]) -> Figures:
    """What both have in common."""
    outcomes = list(cases.values())
    return {
        "duplicates (of them with twins)": f"{len(people.truth)} ({len(people.twins)})", "linked": judged.linked, "wrong": len(judged.wrong),
        "precision of links": judged.precision, "recall of clear duplicates": judged.recall, "duplicates linked or listed": judged.listed_or_linked,
        "ambiguous, listed": outcomes.count("ambiguous"), "twins not listed": len(judged.unlisted_twins), "vetoed, listed": outcomes.count("vetoed"),
    }  # fmt: skip


def timed(into: Figures, what: str, do: Callable[[], T]) -> T:
    """Notes how long something takes, and how much of it this process was busy; the rest is PostgreSQL, or others on the machine."""
    wall, own = time.perf_counter(), time.process_time()
    done = do()
    into[f"seconds to {what}"] = f"{time.perf_counter() - wall:.1f} ({time.process_time() - own:.1f} of this process)"
    return done


def peak() -> int:
    """MB that this process had at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


@contextmanager
def database(folder: Path) -> Iterator[str]:
    """A migrated database on a server that is removed at the end."""
    folder.chmod(0o711)  # as root the server's account must walk through
    server = EmbeddedPostgres(folder, settings=SETTINGS)
    try:
        url = server.start()
        migrate.upgrade(url)
        yield url
    finally:
        server.remove()


if __name__ == "__main__":
    main()
