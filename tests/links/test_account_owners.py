"""Who looks after a debtor: named by number, external number or name, in the ERP or the CRM; a code that nobody has erases nobody."""

from __future__ import annotations

from typing import Any

import pytest

from sync_engine.ops.decisions import links
from sync_engine.ops.decisions.plan import apply
from sync_engine.ownership.policy import Policy, Rule
from sync_engine.store.db import transaction
from sync_engine.store.queries import source_status
from tests.links.support import World

OWNERS = {
    "JO": {"number": "JO", "external_number": "4711", "name": "Jo Berg", "email": "jo@nordlys.dk"},
    "ANN": {"number": "ANN", "name": "Ann Dahl"},
}


@pytest.fixture
def staffed(running: World) -> World:
    """Account owners in the ERP, and others in the CRM, which is believed about owners while it is linked."""
    for key, owner in OWNERS.items():
        running.say("erp", "owners", key, **owner)
    running.say("crm", "owners", "u1", number="K-1", name="Kai Holm", email="kai@nordlys.dk")
    running.say("crm", "owners", "u2", number="JO", name="Joan Other", email="joan@nordlys.dk")
    running.policy = Policy(
        rules=(
            Rule(fields=("owner_code",), ranking=("crm", "erp")),
            Rule(ranking=("erp", "crm", "collections")),
        )
    )
    running.run("crm")
    return running


def say(world: World, source: str, key: str, code: str | None) -> None:
    """A debtor's owner, as its source has it now."""
    world.say(source, "debtors", key, **{**world.records[source]["debtors"][key], "owner_code": code})
    world.run(source)


def owner(world: World, key: str = "E1", source: str = "erp") -> Any:
    """The name of the debtor's owner, and who is believed about it."""
    rows = world.rows(
        """
        SELECT o.name, d.provenance ->> 'owner_id' FROM canonical.debtor d LEFT JOIN canonical.account_owner o ON o.id = d.owner_id
        WHERE d.id = CAST(:id AS uuid)""",
        id=world.debtor_of(source, key),
    )
    return tuple(rows[0])


def gaps(world: World) -> list[tuple[Any, ...]]:
    """Owner codes that nobody has."""
    return [
        tuple(r)
        for r in world.rows("""
        SELECT s.source, g.code, g.key FROM engine.code_gap g JOIN engine.stream s USING (stream_id) WHERE g.field = 'owner' ORDER BY 1, 2, 3""")
    ]


def link(world: World, key: str, debtor: str) -> None:
    """Links a record of the CRM."""
    apply(world.runtime, links.link(world.runtime, "crm", key, debtor, by="ada").hash, by="ada")


@pytest.mark.parametrize("code", ["JO", "4711", "Jo Berg", "Berg, Jo", "JO BERG"])
def test_an_owner_is_named_by_number_then_external_number_then_name(staffed: World, code: str) -> None:
    """However it is written, in the source that speaks."""
    say(staffed, "erp", "E1", code)
    assert owner(staffed) == ("Jo Berg", "erp")
    assert gaps(staffed) == []


def test_an_owner_may_be_anothers_of_the_debtors_sources(staffed: World) -> None:
    """The ERP names a person whom only the CRM knows: found while the CRM is linked, and told as a gap before."""
    say(staffed, "erp", "E1", "K-1")
    assert (owner(staffed)[0], gaps(staffed)) == (None, [("erp", "K-1", "E1")])
    link(staffed, "C1", "10000")
    assert (owner(staffed), gaps(staffed)) == (("Kai Holm", "erp"), [])
    say(staffed, "erp", "E1", "JO")
    assert owner(staffed) == ("Jo Berg", "erp"), "its own owner before another source's of the same number"
    say(staffed, "crm", "C1", "Ann Dahl")
    assert owner(staffed) == ("Ann Dahl", "crm")


def test_a_code_that_nobody_has_erases_nobody(staffed: World) -> None:
    """The next in the ranking is believed, else the owner stays; an empty word of who is believed is a word."""
    say(staffed, "erp", "E1", "JO")
    say(staffed, "erp", "E1", "XX")
    assert (owner(staffed), gaps(staffed)) == (("Jo Berg", "erp"), [("erp", "XX", "E1")])
    say(staffed, "erp", "E1", "ANN")
    assert (owner(staffed), gaps(staffed)) == (("Ann Dahl", "erp"), [])
    say(staffed, "crm", "C1", "YY")
    link(staffed, "C1", "10000")
    assert (owner(staffed), gaps(staffed)) == (("Ann Dahl", "erp"), [("crm", "YY", "C1")])
    say(staffed, "crm", "C1", None)
    assert (owner(staffed), gaps(staffed)) == ((None, "crm"), [])


def test_an_owner_who_comes_later_is_found(staffed: World) -> None:
    """Whatever source he comes in, and by whatever the debtors call him; one who goes is nobody's owner."""
    say(staffed, "erp", "E1", "Pia Sand")
    say(staffed, "erp", "E2", "99")
    assert gaps(staffed) == [("erp", "99", "E2"), ("erp", "Pia Sand", "E1")]
    staffed.say("erp", "owners", "PIA", number="PIA", external_number="99", name="Pia Sand")
    staffed.run("erp")
    assert [owner(staffed, key)[0] for key in ("E1", "E2")] == ["Pia Sand", "Pia Sand"]
    assert gaps(staffed) == []
    del staffed.records["erp"]["owners"]["PIA"]
    staffed.run("erp")
    assert [owner(staffed, key)[0] for key in ("E1", "E2")] == [None, None]


def test_two_who_are_called_alike_are_not_guessed(staffed: World) -> None:
    """Two of one name in one source: nobody is chosen, and the code is told."""
    staffed.say("erp", "owners", "JO2", number="JO2", name="Jo Berg")
    say(staffed, "erp", "E1", "Jo Berg")
    assert (owner(staffed)[0], gaps(staffed)) == (None, [("erp", "Jo Berg", "E1")])


def test_a_document_names_its_owner_alike(staffed: World) -> None:
    """By number, external number or name, in the source it comes from."""
    for key, code in (("D1", "JO"), ("D2", "4711"), ("D3", "Jo Berg"), ("D4", "nobody")):
        staffed.say(
            "erp", "documents", key, **{**staffed.records["erp"]["documents"][key], "owner_code": code}
        )
    staffed.run("erp")
    found = staffed.rows(
        "SELECT o.name FROM canonical.document d LEFT JOIN canonical.account_owner o ON o.id = d.owner_id ORDER BY d.external_id"
    )
    assert [name for (name,) in found] == ["Jo Berg", "Jo Berg", "Jo Berg", None]
    with transaction(staffed.store, "looking") as connection:
        told = [(g.field, g.code, g.records, g.example) for g in source_status.gaps(connection, "erp")]
        (state,) = source_status.sources(connection, "erp")
    assert (told, state.gaps) == ([("owner", "nobody", 1, "D4")], 1)
