"""Link modes when a source is published: none and manual link nothing, automatic climbs the ladder and creates the rest."""

from __future__ import annotations

from tests.links.support import World


def test_a_crm_in_mode_none_keeps_its_claims_and_changes_nothing(world: World) -> None:
    """Claims are kept; no link, no debtor, no contact comes of them."""
    world.run("erp")
    before = world.state()
    world.run("crm")
    world.run("dunning")
    assert world.state() == before
    assert (
        world.one(
            "SELECT count(*) FROM engine.source_record r JOIN engine.stream s USING (stream_id) WHERE s.source = 'crm' AND r.claim IS NOT NULL"
        )
        == 5
    )


def test_a_number_alone_is_a_rung_of_its_own(empty_world: World) -> None:
    """Two systems that share the debtor number by agreement are linked by it; a veto holds, and without the rung people are asked."""
    world, crm = empty_world, {"mode": "automatic", "create_unmatched": False}
    world.add("erp", "erp")
    world.add("asking", "crm", links={"debtor": crm})
    world.add(
        "trusting", "crm", links={"debtor": {**crm, "rungs": ["number", "registration", "number_alone"]}}
    )
    for key, number, registration in (("E1", "10000", "31415926"), ("E2", "10001", "27182828")):
        world.say(
            "erp",
            "debtors",
            key,
            number=number,
            name=f"Kunde {key}",
            country="DK",
            registration_no=registration,
            postcode="8000",
        )
        for source in ("asking", "trusting"):
            world.say(source, "debtors", f"C{key}", number=number, name="Et helt andet navn", country="DK", registration_no=None if key == "E1" else "10203058",
                      postcode="2100")  # fmt: skip
    for source in ("erp", "asking", "trusting"):
        world.run(source)
    assert world.rows(
        "SELECT source, external_id, rule, confidence FROM canonical.link WHERE source <> 'erp'"
    ) == [("trusting", "CE1", "number_alone", 0.8)]
    assert world.debtor_of("trusting", "CE1") == world.debtor_of("erp", "E1")
    assert world.rows("SELECT source, external_id, outcome FROM engine.link_case ORDER BY 1, 2") == [
        ("asking", "CE1", "ambiguous"), ("asking", "CE2", "vetoed"), ("trusting", "CE2", "vetoed"),
    ]  # fmt: skip
