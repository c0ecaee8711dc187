"""Two systems at size, one in ten of the second's debtors a noisy duplicate of the first's: what the rules link, with known truth.

    python -m tests.bench.crowd [--size 100000] [--seed 4]

The ladder alone, then the whole gate in PostgreSQL: a CRM full of unlinked records goes automatic by a plan, which is applied and
undone. Each step in a process of its own, as a person takes it, so that a peak of memory is its own (of the ladder's, the crowd
itself is part), and a plan must mean the same in another process.
"""

from __future__ import annotations

import argparse
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
from sync_engine.matching.ladder import Circumstances, Known, climb, suggest
from sync_engine.matching.similarity import Party
from sync_engine.ops.decisions import links
from sync_engine.platform import migrate
from sync_engine.platform.postgres import EmbeddedPostgres
from tests.links.crowd import Crowd, Judged, Record, crowd
from tests.links.support import open_world

T = TypeVar("T")
Figures = dict[str, Any]
SETTINGS = {"shared_buffers": "256MB", "max_wal_size": "4GB", "work_mem": "64MB"}


def main() -> None:
    """Prints the figures."""
    ask = argparse.ArgumentParser(
        prog="make crowd ARGS=...", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    ask.add_argument("--size", type=int, default=100_000)
    ask.add_argument("--seed", type=int, default=4)
    given = ask.parse_args()
    for title, measured in (("The ladder", ladder), ("The gate", gate)):
        figures = alone(measured, given.size, given.seed)
        sys.stdout.write(
            f"{title}, {given.size} debtors each\n"
            + "".join(f"  {what:<44}{figure}\n" for what, figure in figures.items())
        )


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
    cases = {
        key: "ambiguous" if o.kind == "ambiguous" else "vetoed"
        for key, o in outcomes.items()
        if o.kind == "ambiguous" or (o.kind != "link" and o.vetoed)
    }
    judged = people.judge(linked, cases)
    missed = [p for p in parties if p.key in judged.missed]
    suggested = sum(people.truth[s.key] == s.canonical for s in suggest(missed, known, circumstances))
    return {
        **told(people, judged, cases),
        "missed duplicates that are suggested": f"{suggested} of {len(missed)}",
        **seconds,
        "peak MB": most,
    }


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
        crm, lake = world.configs["crm"], Path(folder) / "lake"
        before = world.state()
        planned = alone(plan, url, lake, crm)
        applied = alone(apply, url, lake, "apply", planned.hash)
        linked = dict(world.rows("""
            SELECT c.external_id, e.external_id FROM canonical.link c JOIN canonical.link e USING (entity, canonical_id)
            WHERE c.source = 'crm' AND e.source = 'erp' AND c.entity = 'debtor' AND c.method = 'rule'
            """))  # fmt: skip
        cases = {c["key"]: c["outcome"] for c in links.cases(world.runtime, "crm")}
        world.store.dispose()
        back = alone(plan, url, lake, None)
        undone = alone(apply, url, lake, "undo", back.hash)
        restored = world.state() == before
        world.store.dispose()
    figures = {"created": planned.counts["created"], "restored by undo": restored, **seconds}
    return {
        **told(people, people.judge(linked, cases), cases),
        **figures,
        **planned.figures,
        **applied,
        **back.figures,
        **undone,
    }


class Planned(NamedTuple):
    """A plan, and what it took to make."""

    hash: str
    counts: dict[str, int]
    figures: Figures


def plan(url: str, lake: Path, crm: SourceConfig | None) -> Planned:
    """Plans the switch of the CRM to automatic; without one, to take back what was applied last."""
    world, figures = open_world(url, lake), Figures()
    if crm is None:
        made = timed(figures, "plan the undo", lambda: links.undo(world.runtime, by="ada"))
    else:
        automatic = crm.link_settings("debtor").model_copy(
            update={"mode": "automatic", "create_unmatched": True}
        )
        config = crm.model_copy(update={"links": {"debtor": automatic}})
        made = timed(figures, "plan", lambda: links.go_automatic(world.runtime, config, by="ada"))
    world.store.dispose()
    return Planned(
        made.hash, made.counts, {**figures, f"peak MB of {'undo plan' if crm is None else 'plan'}": peak()}
    )


def apply(url: str, lake: Path, what: str, plan_hash: str) -> Figures:
    """Carries out a plan."""
    world, figures = open_world(url, lake), Figures()
    timed(figures, what, lambda: links.apply(world.runtime, plan_hash, by="ada"))
    world.store.dispose()
    return {**figures, f"peak MB of {what}": peak()}


def party(source: str, key: str, record: Record, canonical: str | None = None) -> Party:
    """A record as the ladder sees it."""
    says = (
        "number",
        "external_number",
        "registration_no",
        "vat_no",
        "country",
        "name",
        "email",
        "phone",
        "postcode",
    )
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
    into[f"seconds to {what}"] = (
        f"{time.perf_counter() - wall:.1f} ({time.process_time() - own:.1f} of this process)"
    )
    return done


def peak() -> int:
    """MB that this process had at most. Not `ru_maxrss`, which a new process takes over from the one that started it."""
    said = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(said["VmHWM"].split()[0]) // 1024


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
