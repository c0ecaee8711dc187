"""Directions, strategies and who may write at all: what the YAML names, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from sync_engine.config import SourceConfig
from sync_engine.errors import ConfigurationError
from sync_engine.ops.decisions import links
from sync_engine.ops.decisions.plan import apply
from sync_engine.ops.runs import outbox
from sync_engine.ownership.directions import WriteRule
from tests.write_back.support import Peer, TwoWays


def config(**more: Any) -> SourceConfig:
    """A source of no product."""
    return SourceConfig.model_validate({"source": "erp", "connector": "memory", **more})


def runs(pair: TwoWays, *sources: str) -> None:
    """Runs of these, in this order; of both twice where none is named."""
    for source in sources or ("erp", "crm", "erp", "crm"):
        pair.go(source)


def test_a_field_goes_before_its_group() -> None:
    """`general` goes both ways, but the website is only read; YAML's bare off is a word here."""
    rules = config(
        writable={"debtor": {"general": "both", "website": "in", "billing_address": {"direction": False}}}
    ).write_rules("debtor")
    assert rules.written(["name", "website", "city", "credit_limit"]) == {"name": "master_wins"}
    assert {"city", "postcode"} <= rules.unheard
    assert not {"website", "name"} & rules.unheard


@pytest.mark.parametrize(
    ("writable", "why"),
    [
        ({"debtor": {"nmae": "both"}}, "no field and no group"),
        ({"debtor": {"owner_code": "out"}}, "refers to other records"),
        ({"debtor": {"erp_balance": "both"}}, "is a sum"),
        ({"debtor": {"name": "upwards"}}, "direction"),
        ({"debtor": {"name": {"direction": "both", "strategy": "hope"}}}, "strategy"),
        ({"document": {"due_date": "out"}}, "document"),
    ],
    ids=["typing error", "reference", "sum", "no direction", "no strategy", "no entity"],
)
def test_what_cannot_be_written_is_refused_when_the_yaml_is_read(writable: dict[str, Any], why: str) -> None:
    """A word that nobody reads would be silence."""
    with pytest.raises(ValueError, match=why):
        config(writable=writable)


def test_a_direction_alone_means_that_the_master_wins() -> None:
    """The short form."""
    assert WriteRule.model_validate("out") == WriteRule(direction="out", strategy="master_wins")


def test_a_field_that_the_connector_cannot_say_is_told_when_it_is_named(pair: TwoWays) -> None:
    """Named by itself it is a mistake; in a group it is left out."""
    pair.configure("erp", writable={"debtor": {"region": "both"}})
    with pytest.raises(ConfigurationError, match="region cannot be written"):
        pair.go("erp")
    pair.configure("erp", writable={"debtor": {"billing_address": "both"}})
    pair.go("erp")
    assert pair.one("SELECT written FROM engine.source WHERE source = 'erp'") == {
        "debtor": {"city": "master_wins"}
    }


def test_without_writable_nothing_but_pulls_is_asked(pair: TwoWays, monkeypatch: pytest.MonkeyPatch) -> None:
    """The connector could write, and is not even asked what."""
    asked: list[str] = []
    for name in ("writable", "current", "push", "request"):
        monkeypatch.setattr(Peer, name, lambda *_, name=name: asked.append(name))
    pair.peers["erp"].save("debtors", "E1", name="TYPED WRONGLY")
    runs(pair)
    assert (asked, pair.rows("SELECT * FROM engine.outbox")) == ([], [])
    assert {one.split()[0] for peer in pair.peers.values() for one in peer.asked} == {"pull"}


@pytest.mark.parametrize("direction", ["in", "off"])
def test_what_only_comes_in_or_goes_no_way_is_not_written(pair: TwoWays, direction: str) -> None:
    """A request would be one too many."""
    pair.configure("erp", writable={"debtor": {"name": direction}})
    pair.peers["crm"].save("debtors", "C1", name="HANSEN A/S")
    runs(pair)
    assert (pair.peers["erp"].writes, pair.says("erp", "E1", "name")) == (0, "HANSEN & SOEN")


@pytest.mark.parametrize("direction", ["out", "off"])
def test_what_goes_out_is_not_believed(pair: TwoWays, direction: str) -> None:
    """The ERP is master of the city and speaks of it no more: the CRM is believed, alone or not."""
    pair.configure("erp", writable={"debtor": {"city": direction}})
    pair.peers["crm"].save("debtors", "C1", city="Odense")
    runs(pair)
    debtor = pair.debtor_of("erp", "E1")
    assert (pair.field(debtor, "city"), pair.master(debtor, "city")) == ("Odense", "crm")
    assert pair.says("erp", "E1", "city") == ("Odense" if direction == "out" else "Aarhus")
    pair.say("erp", "debtors", "E9", number="90000", name="ALONE", city="Ribe")
    runs(pair)
    assert pair.field(pair.debtor_of("erp", "E9"), "city") is None


def test_a_held_write_waits_for_a_person(pair: TwoWays) -> None:
    """Approved by name it goes out with the next run; another wish loses the approval."""
    pair.configure(
        "erp", writable={"debtor": {"name": {"direction": "both", "strategy": "hold"}, "phone": "both"}}
    )
    runs(pair)
    pair.peers["crm"].save("debtors", "C1", name="HANSEN A/S", phone="+4522222222")
    runs(pair, "crm", "erp")
    assert (pair.says("erp", "E1", "name"), pair.says("erp", "E1", "phone")) == (
        "HANSEN & SOEN",
        "+4522222222",
    )
    [row] = [r for r in outbox.listed(pair.store, "erp") if r.strategy == "hold"]
    outbox.decided(pair.store, "approve", by="ada", numbers=[row.outbox_id])
    pair.peers["crm"].save("debtors", "C1", name="HANSEN GROUP")
    runs(pair, "crm", "erp")
    assert pair.says("erp", "E1", "name") == "HANSEN & SOEN"
    assert outbox.waits(pair.store)["erp"].held == 1
    [approved] = outbox.decided(pair.store, "approve", by="ada", source="erp")
    runs(pair, "erp", "erp")
    assert pair.says("erp", "E1", "name") == "HANSEN GROUP"
    assert outbox.shown(pair.store, approved.outbox_id).decided_by == "ada"


def test_a_refused_write_is_retried_or_left_alone_by_a_person(pair: TwoWays) -> None:
    """Left alone it is not told any more, until something else is wanted."""
    pair.configure("erp", writable={"debtor": {"name": "both"}})
    runs(pair)
    pair.peers["erp"].faults = ["refused", "refused"]
    pair.peers["crm"].save("debtors", "C1", name="HANSEN A/S")
    runs(pair, "crm", "erp")
    [row] = outbox.listed(pair.store)
    outbox.decided(pair.store, "retry", by="ada", numbers=[row.outbox_id])
    assert pair.go("erp").refused == 1
    outbox.decided(pair.store, "discard", by="ada", numbers=[row.outbox_id])
    runs(pair)
    assert (outbox.waits(pair.store), pair.peers["erp"].writes) == ({}, 2)
    with pytest.raises(ConfigurationError, match="cannot be approved"):
        outbox.decided(pair.store, "approve", by="ada", numbers=[row.outbox_id])
    pair.peers["crm"].save("debtors", "C1", name="HANSEN GROUP")
    runs(pair)
    assert pair.says("erp", "E1", "name") == "HANSEN GROUP"


@pytest.mark.parametrize(("engine", "source"), [("test", "production"), ("production", "test")])
def test_a_test_engine_does_not_write_to_production(
    pair: TwoWays, monkeypatch: pytest.MonkeyPatch, engine: str, source: str
) -> None:
    """Nor the other way round: what waits stays, nobody is asked for anything, and the run says so."""
    pair.configure("erp", environment=source, writable={"debtor": {"name": "both"}})
    monkeypatch.setenv("SYNC_ENGINE_ENVIRONMENT", engine)
    runs(pair)
    pair.peers["crm"].save("debtors", "C1", name="HANSEN A/S")
    pair.go("crm")
    done = pair.go("erp")
    assert f"this engine is for {engine}" in done.stopped
    assert {one.split()[0] for one in pair.peers["erp"].asked} == {"pull"}
    monkeypatch.setenv("SYNC_ENGINE_ENVIRONMENT", source)
    assert pair.go("erp").sent == 1


def test_an_environment_nobody_knows_is_refused(pair: TwoWays, monkeypatch: pytest.MonkeyPatch) -> None:
    """`prod` could mean either."""
    pair.configure("erp", writable={"debtor": {"name": "both"}})
    monkeypatch.setenv("SYNC_ENGINE_ENVIRONMENT", "prod")
    with pytest.raises(ConfigurationError, match="production or test"):
        pair.go("erp")


def test_a_field_that_is_named_no_more_is_written_no_more(pair: TwoWays) -> None:
    """What waits is taken back with the next cut."""
    pair.configure("erp", writable={"debtor": {"name": "both"}})
    runs(pair)
    pair.peers["crm"].save("debtors", "C1", name="HANSEN A/S")
    pair.go("crm")
    pair.configure("erp", writable={})
    runs(pair)
    assert (pair.outbox(), pair.peers["erp"].writes) == ([], 0)


def test_custom_fields_and_contacts_are_written_too(pair: TwoWays) -> None:
    """A member of the custom fields by its name; a contact that is linked."""
    pair.configure("erp", writable={"debtor": {"custom.segment": "out"}, "contact": {"email": "out"}})
    for source, key in (("erp", "E1"), ("crm", "C1")):
        pair.say(
            source,
            "contacts",
            f"{key}-a",
            debtor_key=key,
            first_name="Anna",
            last_name="Berg",
            full_name="Anna Berg",
            email="anna@example.com",
        )
        pair.peers[source].save("debtors", key, custom={"segment": "old"})
    runs(pair)
    pair.peers["crm"].save("debtors", "C1", custom={"segment": "new"})
    runs(pair)
    assert pair.says("erp", "E1", "custom") == {"segment": "new"}
    assert pair.rows("SELECT count(DISTINCT canonical_id) FROM canonical.link WHERE entity = 'contact'") == [
        (1,)
    ]
    pair.peers["crm"].save("contacts", "C1-a", email="anna@new.example.com")
    runs(pair)
    assert pair.records["erp"]["contacts"]["E1-a"]["email"] == "anna@new.example.com"


def test_a_pinned_value_is_written_and_its_echo_does_not_end_the_pin(pair: TwoWays) -> None:
    """A person sets the name until a source says something else: a source that was told has said nothing else."""
    pair.configure("erp", writable={"debtor": {"name": "both"}})
    pair.configure("crm", writable={"debtor": {"name": "both"}})
    runs(pair)
    planned = links.pin(
        pair.runtime, str(pair.debtor_of("erp", "E1")), "name", "BY HAND", by="ada", until_source_changes=True
    )
    apply(pair.runtime, planned.hash, by="ada", why="the register says so")
    runs(pair)
    runs(pair)
    assert pair.says("erp", "E1", "name") == pair.says("crm", "C1", "name") == "BY HAND"
    assert sum(peer.writes for peer in pair.peers.values()) == 2
    assert pair.field(pair.debtor_of("erp", "E1"), "name") == "BY HAND"
