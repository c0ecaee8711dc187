"""Two systems of some size: what rules link is right, and what is ambiguous is listed. `make crowd` runs a hundred thousand and takes the time."""

from __future__ import annotations

import pytest

from sync_engine.ops.decisions import links
from sync_engine.ops.decisions.plan import apply
from tests.links.crowd import crowd
from tests.links.support import World

SIZE = 3000


@pytest.mark.parametrize("seed", [4, 11])
def test_a_crowd_is_matched(empty_world: World, seed: int) -> None:
    """Precision 1.0 among strangers that share a number, a name, a phone, a VAT number; what two debtors fit is ambiguous, each case listed."""
    world, people = empty_world, crowd(SIZE, seed)
    world.add("erp", "erp")
    world.add("crm", "crm", links={"debtor": {"mode": "automatic", "create_unmatched": True}})
    world.say("erp", "companies", "1", name="Nordlys A/S", base_currency="DKK", country="DK")
    world.records["erp"]["debtors"], world.records["crm"]["debtors"] = people.erp, people.crm
    world.run("erp")
    created = world.run("crm").counts["link"]["created"]
    linked = dict(world.rows("""
        SELECT c.external_id, e.external_id FROM canonical.link c JOIN canonical.link e USING (entity, canonical_id)
        WHERE c.source = 'crm' AND e.source = 'erp' AND c.method = 'rule'
        """))  # fmt: skip
    cases = {c["key"]: c["outcome"] for c in links.cases(world.runtime, "crm")}
    judged, ambiguous = (
        people.judge(linked, cases),
        {key for key, outcome in cases.items() if outcome == "ambiguous"},
    )
    assert judged.wrong == {}, "precision of automatic links is 1.0"
    assert judged.unlisted_twins == set(), "what several debtors fit is listed"
    assert judged.recall > 0.8
    assert not ambiguous & set(linked)
    assert world.one("SELECT count(*) FROM engine.quarantine WHERE error = 'AmbiguousMatch'") == len(
        ambiguous
    )
    assert len(linked) + created + len(ambiguous) == SIZE, "every record is linked, created or listed"


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
    world.configs["crm"] = crm.model_copy(
        update={"links": {"debtor": crm.link_settings("debtor").model_copy(update={"mode": "automatic"})}}
    )
    planned = links.go_automatic(world.runtime, world.configs["crm"], by="ada")
    assert world.state() == before
    done = apply(world.runtime, planned.hash, by="ada")
    assert done.counts == planned.counts
    assert (
        world.one("SELECT count(*) FROM canonical.link WHERE source = 'crm' AND method = 'rule'")
        == planned.counts["links"]
        > 0
    )
    assert {c["key"] for c in links.cases(world.runtime, "crm") if c["outcome"] == "ambiguous"} == {
        c.key for c in planned.cases if c.outcome == "ambiguous"
    }
    after = world.state()
    world.run("crm")
    assert world.state() == after, "the next run finds nothing left to do"
    apply(world.runtime, links.undo(world.runtime, by="ada").hash, by="ada")
    assert world.state() == before
