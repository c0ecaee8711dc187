"""What an excluded record still claims: nothing beside another one, the last it said while nobody else speaks."""

from __future__ import annotations

from sync_engine.ops.decisions import links
from sync_engine.ops.decisions.plan import apply
from tests.links.support import World


def _exclude(world: World, source: str, key: str) -> None:
    """The record leaves what its mapping lets in: a merged account, a customer of another kind."""
    world.records[source]["debtors"][key]["left_out"] = "is another kind"
    world.run(source)


def test_it_claims_nothing_beside_another_one(running: World) -> None:
    """The master by policy is excluded: what the debtor is called comes from who still speaks, and returns with the master."""
    debtor = running.debtor_of("erp", "E1")
    planned = links.adopt(running.runtime, "crm", "C1", str(debtor), by="ada")
    apply(running.runtime, planned.hash, by="ada")
    assert (running.field(debtor, "name"), running.master(debtor, "name")) == ("Hansen & Soen", "crm")
    _exclude(running, "crm", "C1")
    assert (running.field(debtor, "name"), running.master(debtor, "name")) == ("HANSEN & SØN A/S", "erp")
    assert running.field(debtor, "status") == "active"
    del running.records["crm"]["debtors"]["C1"]["left_out"]
    running.run("crm")
    assert (running.field(debtor, "name"), running.master(debtor, "name")) == ("Hansen & Soen", "crm")


def test_what_it_said_last_is_kept_while_nobody_else_speaks(running: World) -> None:
    """A debtor whose only record is excluded keeps its name, and says that it is excluded."""
    debtor = running.debtor_of("erp", "E3")
    _exclude(running, "erp", "E3")
    assert (running.field(debtor, "name"), running.field(debtor, "excluded")) == ("Bianchi S.p.A.", True)
