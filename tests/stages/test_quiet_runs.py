"""A run in which nothing moved publishes nothing; whatever needs a cut, and does not come with a record that changed, is found."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sync_engine.ops.decisions import operations as ops
from sync_engine.ownership.policy import Policy, Rule
from sync_engine.stages import publish as publishing
from sync_engine.stages.publish import Published
from sync_engine.store.publishing import waiting
from tests.conftest import _TEMPLATE, new_database
from tests.links.life import state_word
from tests.links.support import World, open_world
from tests.links.test_every_decision import DECISIONS, Subject
from tests.stages.quiet_world import (
    LINKED,
    SOURCES,
    Trigger,
    anna,
    another_mapping,
    another_source_publishes,
    before_its_debtor,
    broken_off,
    candidates,
    changed,
    configured,
    copy_of,
    counted,
    days_pass,
    decided,
    everything,
    furnished,
    gone,
    in_a_circle,
    invoice,
    late_applications,
    pinned,
    promised,
    read_at_last,
    staging_lost,
    waits_for_a_link,
)
from tests.stages.snapshots import Snapshot, difference
from tests.stages.test_cost_follows_changes import statements_of


@pytest.fixture(scope="module")
def settled(migrated_template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, World]]:
    """The furnished world after its first runs; nobody is connected, so that it can be copied."""
    with new_database(migrated_template, _TEMPLATE) as url:
        world = furnished(open_world(url, tmp_path_factory.mktemp("lake")))
        for _ in range(2):
            for source in SOURCES:
                world.run(source)
        world.store.dispose()
        yield url, world


JOURNAL = {"entry_no": "1", "document_type": "invoice", "document_no": "J-1", "posting_date": "2026-01-15", "amount": "12.00", "remaining": "12.00",
           "amount_base": "12.00", "remaining_base": "12.00", "is_open": True}  # fmt: skip
OPEN = {"kind": "invoice", "number": "I-1", "issue_date": "2026-01-15", "total": "9.00", "open_amount": "9.00", "erp_status": "open",
        "is_posted": True, "lines": []}  # fmt: skip
PAID = {"kind": "payment", "payment_date": "2026-02-01", "amount": "5.00", "unapplied_amount": "5.00"}
MOVED, LANDED, STAGED, ENTRIES, LINKS = "records", "batches", "staged", "entries", "links"
TRIGGERS: dict[str, Trigger] = {
    "a debtor is renamed": Trigger("erp", changed("erp", "debtors", "E1", name="HANSEN & SØNS A/S")),
    "a debtor is gone": Trigger("erp", gone("erp", "debtors", "E3"), MOVED),
    "an invoice is gone": Trigger("erp", gone("erp", "documents", "D1"), MOVED),
    "a payment is gone": Trigger("shop", gone("shop", "applications", "A1"), MOVED),
    "an invoice is paid": Trigger("erp", changed("erp", "documents", "D1", open_amount="0.00", erp_status="paid")),
    "an invoice comes": Trigger("erp", lambda w: invoice(w, "erp", "D2", "E2", "75.25")),
    "a contact comes": Trigger("erp", lambda w: w.say("erp", "contacts", "EC2", debtor_key="E2", full_name="Jens Müller")),
    "a record is sent again with another field that nobody maps": Trigger("erp", changed("erp", "debtors", "E1", lines=[1]), LANDED),
    "the owner whom an invoice named comes": Trigger("erp", lambda w: w.say("erp", "owners", "O1", number="JO", name="Jo Berg")),
    "the terms that an invoice named come": Trigger("erp", lambda w: w.say("erp", "terms", "30", kind="payment_terms", code="30 DAYS", name="Net 30")),
    "the company has another base currency": Trigger("erp", changed("erp", "companies", "1", base_currency="EUR")),
    "an invoice before its debtor": Trigger("erp", lambda w: w.say("erp", "debtors", "E7", number="10007", name="Late Ltd", status="active"),
        prepare=before_its_debtor, is_looked_at=True),
    "the first cut, of a source that has nothing": Trigger("empty", lambda w: w.add("empty", "erp", portfolio={"field": "country"}), "told"),
    "a debtor is linked by hand, and its invoice waits": Trigger("second", LINKED, STAGED, waits_for_a_link("documents", "D1", **OPEN), is_looked_at=True),
    "a debtor is linked by hand, and its payment waits": Trigger("second", LINKED, STAGED, waits_for_a_link("payments", "P1", **PAID), is_looked_at=True),
    "a debtor is linked by hand, and its entry waits": Trigger("second", LINKED, ENTRIES, waits_for_a_link("entries", "1", **JOURNAL), is_looked_at=True),
    "staging is lost, and a debtor linked by hand": Trigger("second", staging_lost, prepare=waits_for_a_link("documents", "D1", **OPEN), is_looked_at=True),
    "what was applied is read to its end": Trigger("late", read_at_last, "rests", late_applications),
    "a pinned value has had its day": Trigger("erp", days_pass, "pins", pinned("debtor", lambda _: "10001")),
    "a pinned value of a contact has had its day": Trigger("erp", days_pass, "pins", pinned("contact", anna)),
    "a value pinned in another source's debtor has had its day": Trigger("shop", days_pass, "pins", pinned("debtor", lambda _: "10001")),
    "debtors are in a circle": Trigger("erp", lambda _: None, "circles", in_a_circle, is_looked_at=True),
    "another source has the customer of a prospect": Trigger("crm", another_source_publishes, LINKS, lambda w: w.run("crm")),
    "a person merges the two that a prospect may be": Trigger("crm", decided(lambda _: ops.Merge(losing="10008", into="10009", force=True)), LINKS, candidates),
    "an application says something of a debtor": Trigger("erp", lambda w: state_word(w, str(w.debtor_of("erp", "E1")), "chasing_paused", True)),
    "an application says something of another source's debtor": Trigger("shop", lambda w: state_word(w, str(w.debtor_of("erp", "E1")), "chasing_paused", True)),
    "an application says something of an invoice": Trigger("erp", promised),
    "an application says something that is refused": Trigger("erp", lambda w: state_word(w, str(w.debtor_of("erp", "E1")), "no_such_field", True)),
    "another policy": Trigger("erp", lambda w: setattr(w, "policy", Policy(rules=(Rule(ranking=("crm", "erp", "collections")),)))),
    "another policy, and another source runs": Trigger("shop", lambda w: setattr(w, "policy", Policy(rules=(Rule(ranking=("crm", "erp", "collections")),)))),
    "portfolios are configured": Trigger("erp", configured("erp", portfolio={"field": "country"})),
    "links are configured": Trigger("crm", configured("crm", links={"debtor": {"mode": "manual"}}), prepare=lambda w: w.run("crm")),
    "another mapping": Trigger("erp", another_mapping),
    "a cut was broken off": Trigger("erp", broken_off),
}  # fmt: skip


def told(world: World, trigger: Trigger) -> tuple[bool, Snapshot, Published]:
    """The trigger happens after a run that is quiet, or looks at what waits; whether it was, what there was before the run that tells it, and that run."""
    trigger.prepare(world)
    was_quiet = trigger.source not in world.configs or not world.run(trigger.source).counts
    trigger.happens(world)
    before = everything(world)
    return was_quiet, before, world.run(trigger.source)


@pytest.mark.parametrize("name", TRIGGERS)
def test_what_needs_a_cut_is_published(
    settled: tuple[str, World], server: str, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """After a run that published nothing; and nothing is missing of what a run that always publishes would have told."""
    trigger = TRIGGERS[name]
    with copy_of(settled, server) as ours, copy_of(settled, server) as theirs:
        was_quiet, before, done = told(ours, trigger)
        assert was_quiet is not trigger.is_looked_at
        assert done.counts, "it was quiet"
        after = everything(ours)
        with monkeypatch.context() as always:
            always.setattr(publishing, "anything_waits", lambda _: True)
            _, _, other = told(theirs, trigger)
        assert difference(after, everything(theirs)) == {}
        assert (counted(done), done.changes) == (counted(other), other.changes)
        assert counted(done) or difference(before, after), "nothing came of it"


@pytest.mark.parametrize("look", [*waiting.LOOKS, LINKS])
def test_each_look_is_needed(
    settled: tuple[str, World], server: str, monkeypatch: pytest.MonkeyPatch, look: str
) -> None:
    """Without it what only it finds is not published: the run is quiet, and all is as it was but for what was landed."""
    found = [trigger for trigger in TRIGGERS.values() if trigger.found_by == look]
    assert found
    if look == LINKS:
        monkeypatch.setattr(waiting, "may_link_more", lambda _: False)
    else:
        monkeypatch.delitem(waiting.LOOKS, look)
    for trigger in found:
        with copy_of(settled, server) as world:
            assert told(world, trigger)[2].counts == {}


def test_days_pass_and_nothing_is_published(
    settled: tuple[str, World], server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each run makes its cut, of its day; what is overdue follows from the day on which it is asked."""
    with copy_of(settled, server) as ours, copy_of(settled, server) as theirs:
        for world in (ours, theirs):
            world.run("erp")
        before = everything(ours)
        for _ in range(3):
            days_pass(ours)
            days_pass(theirs)
            done = ours.run("erp")
            assert (done.counts, done.changes) == ({}, 0)
            assert ours.rows(
                "SELECT ledger_date, published_at IS NOT NULL FROM canonical.cut WHERE cut_id = :cut",
                cut=done.cut_id,
            ) == [(ours.clock.time.date(), True)]
            with monkeypatch.context() as always:
                always.setattr(publishing, "anything_waits", lambda _: True)
                theirs.run("erp")
        assert difference(before, everything(ours)) == difference(everything(ours), everything(theirs)) == {}


def test_a_source_without_a_ledger_is_not_searched_for_one(settled: tuple[str, World], server: str) -> None:
    """Nor for applications: a cut with an invoice writes to the tables of neither, and makes none for them."""
    with copy_of(settled, server) as world:
        invoice(world, "erp", "D2", "E2", "75.25")
        with statements_of(world.store) as cost:
            assert world.run("erp").counts["document"]["created"] == 1
    written = [sql for sql in cost.statements if sql.startswith(("CREATE", "INSERT", "DELETE"))]
    assert any("incoming_document" in sql for sql in written)
    assert [sql for sql in written if "touched_entry" in sql or "application" in sql] == []


@pytest.mark.parametrize("kind", DECISIONS)
def test_a_decision_between_quiet_runs(
    settled: tuple[str, World],
    server: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
    kind: str,
) -> None:
    """Whatever a person decides and takes back, runs that may be quiet leave the same as runs that always publish."""
    seen = []
    for is_always in (False, True):
        with copy_of(settled, server) as world, monkeypatch.context() as patched:
            if is_always:
                patched.setattr(publishing, "anything_waits", lambda _: True)
            _furnish_for_decisions(world)
            subject = Subject(
                world, str(world.debtor_of("erp", "E4")), str(world.debtor_of("erp", "E1")), tmp_path_factory.mktemp("drawer"),
            )  # fmt: skip
            found = []
            take_back = DECISIONS[kind](subject)
            for step in (lambda: None, lambda w=world: days_pass(w), take_back):
                step()
                for source in SOURCES:
                    world.run(source)
                found.append(everything(world))
            seen.append(found)
    for ours, theirs in zip(*seen, strict=True):
        assert difference(ours, theirs) == {}


def _furnish_for_decisions(world: World) -> None:
    """The debtor that decisions are about, and those that they name."""
    for key, number in (("E4", "10003"),):
        world.say(
            "erp", "debtors", key, number=number, name="Hansen og Søn (old)", country="DK", status="active"
        )
    invoice(world, "erp", "D4", "E4", "40.00")
    for key in ("C2", "C3"):
        world.say("crm", "debtors", key, number=f"K-{key}", name=f"Kunde {key}", status="active")
    for source in SOURCES:
        world.run(source)
