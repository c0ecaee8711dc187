"""Why a value is what it is: the view applications read, and the story the command line tells of it."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from sync_engine.canonical.contact import CONTACT
from sync_engine.canonical.debtor import DEBTOR
from sync_engine.canonical.document import DOCUMENT
from sync_engine.errors import ConfigurationError
from sync_engine.ops.decisions import groups, links
from sync_engine.ops.decisions.plan import apply
from sync_engine.ops.inspect.explain import FieldStory, explain
from sync_engine.ops.policy import show
from sync_engine.ownership.policy import Policy, Rule
from sync_engine.platform.urls import psycopg_url
from tests.links.support import World

UNCLAIMED = ("group_id", "ultimate_parent_id")
"""Fields of a debtor that no source claims and no rule ranks."""


def story(world: World, field: str, debtor: str = "10000") -> FieldStory:
    """One field of a debtor."""
    [told] = explain(world.store, "debtor", debtor, field).fields
    return told


def decide(world: World, plan: Any, why: str = "seen by ada") -> None:
    """Applies a plan."""
    apply(world.runtime, plan.hash, by="ada", why=why)


def test_every_declared_field_is_listed(empty_world: World) -> None:
    """The view knows the fields the models declare, by name, column and group; of documents those that are published."""
    rows = {(e, f): (c, g) for e, f, c, g in empty_world.rows("SELECT * FROM canonical.field")}
    declared: dict[tuple[str, str], tuple[str, str | None]] = {
        (entity, f.name): (f.stored_as, f.group)
        for entity, fields in (("debtor", DEBTOR), ("contact", CONTACT))
        for f in fields
    }
    declared |= {("document", f.name): (f.stored_as, None) for f in DOCUMENT if f.name != "is_posted"}
    declared |= {
        ("document", f): (f, "chasing") for f in ("dispute_reason", "promised_date", "collection_status")
    }
    declared |= {("debtor", f): (f, None) for f in UNCLAIMED}
    assert rows == declared
    for (entity, _), (column, _) in rows.items():
        assert empty_world.rows(f"SELECT {column} FROM canonical.{entity}") == []


def test_the_rules_of_the_view_are_those_of_the_policy(running: World) -> None:
    """Field by field, by the policy in force, with what one company has of its own."""
    world = running
    world.policy = Policy(rules=(
        Rule(groups=("contact",), ranking=("erp", "crm"), mode="if_empty"), Rule(company="Nordlys A/S", fields=("name", "email"), ranking=("dunning", "erp")),
        Rule(groups=("general",), ranking=("crm", "erp")), Rule(ranking=("erp",)),
    ))  # fmt: skip
    world.run("dunning")
    of_view = world.rows(
        "SELECT entity, field, coalesce(company, ''), mode, ranking FROM canonical.ownership WHERE entity <> 'document'"
    )
    by_engine = {(s.entity, s.field, s.company or "", s.mode, s.ranking) for s in show(world.policy)}
    assert by_engine <= {(e, f, c, m, tuple(r)) for e, f, c, m, r in of_view}
    told = dict(
        world.rows(
            "SELECT coalesce(company, ''), rule FROM canonical.ownership WHERE entity = 'debtor' AND field = 'name'"
        )
    )
    assert told == {"": "crm > erp (group general)", "Nordlys A/S": "dunning > erp (named)"}
    assert story(world, "name").rule == "dunning > erp (named)"
    assert story(world, "city").rule == "erp"


def test_a_value_its_master_and_every_claim(running: World) -> None:
    """Linked, the CRM is believed and the ERP is not; pinned, neither; the view says the same as the story."""
    world = running
    decide(world, links.link(world.runtime, "crm", "C1", "10000", by="ada"))
    told = story(world, "phone")
    assert (told.value, told.master, told.rule) == (
        "87654321",
        "crm",
        "crm > erp > collections (group general)",
    )
    assert [(c.source, c.value, c.believed) for c in told.claims] == [
        ("crm", "87654321", True),
        ("erp", "+45 12 34 56 78", False),
    ]
    decide(world, links.pin(world.runtime, "10000", "phone", "112", by="ada"), "he hangs up")
    told = story(world, "phone")
    assert (told.value, told.master, [c.believed for c in told.claims]) == ("112", "person", [False, False])
    assert told.pinned is not None
    assert (told.pinned.value, told.pinned.by, told.pinned.reason) == ("112", "ada", "he hangs up")
    of_view = world.rows("""
        SELECT value, master, rule, pinned_value, pinned_by, pinned_because FROM canonical.explained e JOIN canonical.debtor d ON d.id = e.record_id
        WHERE d.number = '10000' AND e.field = 'phone'""")
    assert of_view == [
        ("112", "person", "crm > erp > collections (group general)", "112", "ada", "he hangs up")
    ]
    said = world.rows("""
        SELECT source, external_id, said FROM canonical.field_claim c JOIN canonical.debtor d ON d.id = c.record_id
        WHERE d.number = '10000' AND c.field = 'phone' ORDER BY 1""")
    assert said == [("crm", "C1", "87654321"), ("erp", "E1", "+45 12 34 56 78")]


def test_of_two_records_of_one_source_one_is_believed(running: World) -> None:
    """Merged duplicates say different things: the older link counts, and only its claim is marked."""
    world = running
    decide(world, links.merge(world.runtime, "10003", "10000", by="ada"))
    told = story(world, "name")
    assert [(c.key, c.believed) for c in told.claims] == [("E1", True), ("E4", False)]
    assert told.value == next(c.value for c in told.claims if c.believed)


def test_a_record_merged_away_says_what_it_became(running: World) -> None:
    """Who looks for the old id finds where its invoices are now; the living one became nothing."""
    old = str(running.debtor_of("erp", "E4"))
    apply(running.runtime, links.merge(running.runtime, "10003", "10000", by="ada").hash, by="ada")
    assert explain(running.store, "debtor", old).merged_into == "10000 HANSEN & SØN A/S"
    assert explain(running.store, "debtor", "10000").merged_into is None


def test_figures_keep_every_digit(running: World) -> None:
    """A limit is no binary fraction, neither in the story nor on the way to it."""
    world = running
    world.say(
        "erp",
        "debtors",
        "E3",
        **{**world.records["erp"]["debtors"]["E3"], "credit_limit": "900719925474099.1234"},
    )
    world.run("erp")
    assert story(world, "credit_limit", "10002").value == Decimal("900719925474099.1234")


def test_a_document_has_one_master_and_what_the_inbox_says_lies_over_it(running: World) -> None:
    """A promise made to a collector is the inbox's, and the invoice's own fields the ERP's."""
    world = running
    world.rows("""
        INSERT INTO canonical.claim_inbox (entity, record_id, field, value, said_by)
        SELECT 'document', id, 'promised_date', '"2026-04-01"', 'collector' FROM canonical.document WHERE external_no = 'INV-1' RETURNING 1""")
    world.run("erp")
    fields = {f.field: f for f in explain(world.store, "document", "INV-1").fields}
    assert (fields["total"].master, fields["total"].rule) == ("erp", "one master: the source it came from")
    assert (fields["promised_date"].value, fields["promised_date"].master) == ("2026-04-01", "inbox")
    assert [(c.source, c.value, c.believed) for c in fields["promised_date"].claims] == [
        ("inbox", "2026-04-01", True),
        ("erp", None, False),
    ]


def test_a_reader_may_ask_and_a_wrong_field_is_told(running: World) -> None:
    """The role that sees nothing of the engine sees why a value is what it is."""
    world = running
    url = psycopg_url(world.store.url.render_as_string(hide_password=False))
    with psycopg.connect(url) as connection:
        connection.execute("SET ROLE sync_engine_reader")
        [row] = connection.execute(
            "SELECT count(*), count(master) FROM canonical.explained WHERE entity = 'debtor'"
        ).fetchall()
        assert row[0] == 4 * (len(DEBTOR) + len(UNCLAIMED)) > row[1] > 20
        assert connection.execute("SELECT 1 FROM canonical.field_claim LIMIT 1").fetchall() == [(1,)]
    with pytest.raises(ConfigurationError, match=r"a debtor has no field 'colour'.*credit_limit"):
        explain(world.store, "debtor", "10000", "colour")


def test_asking_for_one_record_reads_one_record(running: World) -> None:
    """The view is for questions about a record: its plan goes by the keys of the tables below; who was merged away is few, and listed by an index."""
    world = running
    hansen = world.debtor_of("erp", "E1")
    plan = world.one(
        f"EXPLAIN (FORMAT JSON) SELECT * FROM canonical.explained WHERE entity = 'debtor' AND record_id = '{hansen}'"
    )
    scanned = {node["Relation Name"] for node in _nodes((plan if isinstance(plan, list) else json.loads(plan))[0]["Plan"]) if node["Node Type"] == "Seq Scan"
        and "merged_into IS NOT NULL" not in node.get("Filter", "")}  # fmt: skip
    assert not scanned & {"contact", "document"}


def _nodes(node: dict[str, Any]) -> list[dict[str, Any]]:
    return [node, *(below for part in node.get("Plans", ()) for below in _nodes(part))]


def test_a_group_and_the_top_of_a_chain_are_explained(running: World) -> None:
    """No source says either: a person put the debtor into its group, and the top follows from the parents. Both by name."""
    world = running
    decide(world, groups.set_parent(world.runtime, "10001", "10000", by="ada"))
    decide(world, groups.set_parent(world.runtime, "10002", "10001", by="ada"))
    decide(world, groups.set_group(world.runtime, "Hansen Gruppe", members=["10002"], by="ada"))
    for field, shown, rule in (
        ("group", "Hansen Gruppe", "a person: the group it was put into"),
        (
            "ultimate_parent_id",
            world.field(world.debtor_of("erp", "E1"), "name"),
            "computed: the top of its chain of parents",
        ),
    ):
        told = story(world, field, "10002")
        assert (told.shown, told.rule, told.claims) == (shown, rule, []), field
    assert [c.new for c in story(world, "group_id", "10002").history] == ["Hansen Gruppe"]
