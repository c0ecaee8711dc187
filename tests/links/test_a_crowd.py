"""Two systems at size: what rules link is right, what is ambiguous is listed, and it takes neither time nor memory."""

from __future__ import annotations

import os
import resource
import sys
import time
from collections.abc import Callable

import pytest

from sync_engine.ops import links
from sync_engine.ops.planning import apply
from sync_engine.store import linking
from tests.links.crowd import crowd
from tests.links.support import World


def timed(function: Callable[..., None], into: list[tuple[float, float]]) -> Callable[..., None]:
    """The same function, its wall and processor seconds noted."""

    def run(*args: object) -> None:
        wall, busy = time.perf_counter(), time.process_time()
        function(*args)
        into.append((round(time.perf_counter() - wall, 1), round(time.process_time() - busy, 1)))

    return run


SIZE = int(os.environ.get("CROWD_SIZE", "3000"))


@pytest.mark.timeout(900)
def test_a_crowd_is_matched(empty_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Precision 1.0 on strangers that share a number, a name or a country with a debtor; twins are ambiguous, each of them listed."""
    world, people = empty_world, crowd(SIZE)
    world.add("erp", "erp")
    world.add("crm", "crm", links={"debtor": {"mode": "automatic", "create_unmatched": True}})
    world.say("erp", "companies", "1", name="Nordlys A/S", base_currency="DKK", country="DK")
    world.records["erp"]["debtors"], world.records["crm"]["debtors"] = people.erp, people.crm
    world.run("erp")
    matching: list[tuple[float, float]] = []
    monkeypatch.setattr(linking, "_match", timed(linking._match, matching))
    started = time.perf_counter()
    counts = world.run("crm").counts["link"]
    seconds = time.perf_counter() - started
    linked = dict(world.rows("""
        SELECT c.external_id, e.external_id FROM canonical.link c JOIN canonical.link e USING (entity, canonical_id)
        WHERE c.source = 'crm' AND e.source = 'erp' AND c.method = 'rule'
        """))  # fmt: skip
    wrong = {c: e for c, e in linked.items() if people.truth.get(c) != e}
    cases = {c["key"]: c for c in links.cases(world.workshop, "crm")}
    ambiguous = {k for k, c in cases.items() if c["outcome"] == "ambiguous"}
    clear = set(people.truth) - people.twins
    figures = {
        "size": SIZE,
        "seconds of matching": matching,
        "seconds with pull, publish and audit": round(seconds, 1),
        "linked": len(linked),
        "wrong": len(wrong),
        "ambiguous": len(ambiguous),
        "created": counts["created"],
        "recall of clear duplicates": round(len(clear & set(linked)) / len(clear), 4),
        "found or listed": round(len((set(people.truth) & set(linked)) | (set(people.truth) & set(cases))) / len(people.truth), 4),
        "peak MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }
    sys.stdout.write(f"{figures}\n")
    assert wrong == {}, "precision of automatic links is 1.0"
    assert people.twins <= ambiguous, "every ambiguous record is listed"
    assert not ambiguous & set(linked)
    assert world.one("SELECT count(*) FROM engine.quarantine WHERE error = 'AmbiguousMatch'") == len(ambiguous)
    assert len(linked) + counts["created"] + len(ambiguous) == SIZE, "every record is linked, created or listed"
    assert figures["recall of clear duplicates"] > 0.8  # type: ignore[operator]


@pytest.mark.timeout(900)
def test_the_gate_at_size(empty_world: World) -> None:
    """A CRM in mode manual, opened to the rules by a plan: the application does exactly what the plan counted, and undo takes it all back."""
    world, people = empty_world, crowd(SIZE // 3)
    world.add("erp", "erp")
    world.add("crm", "crm", links={"debtor": {"mode": "manual"}})
    world.say("erp", "companies", "1", name="Nordlys A/S", base_currency="DKK", country="DK")
    world.records["erp"]["debtors"], world.records["crm"]["debtors"] = people.erp, people.crm
    world.run("erp")
    world.run("crm")
    before = world.state()
    crm = world.configs["crm"]
    world.configs["crm"] = crm.model_copy(update={"links": {"debtor": crm.link_settings("debtor").model_copy(update={"mode": "automatic"})}})
    planned = links.go_automatic(world.workshop, world.configs["crm"], by="ada")
    assert world.state() == before
    done = apply(world.workshop, planned.hash, by="ada")
    assert done.counts == planned.counts
    assert world.one("SELECT count(*) FROM canonical.link WHERE source = 'crm' AND method = 'rule'") == planned.counts["links"] > 0
    assert {c["key"] for c in links.cases(world.workshop, "crm") if c["outcome"] == "ambiguous"} == {c.key for c in planned.cases if c.outcome == "ambiguous"}
    after = world.state()
    world.run("crm")
    assert world.state() == after, "the next run finds nothing left to do"
    apply(world.workshop, links.undo(world.workshop, by="ada").hash, by="ada")
    assert world.state() == before
