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
    assert world.one("SELECT count(*) FROM engine.source_record r JOIN engine.stream s USING (stream_id) WHERE s.source = 'crm' AND r.claim IS NOT NULL") == 5
