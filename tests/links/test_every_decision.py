"""Every kind of decision through everything that can happen to the record it is about: none is lost, none is left behind."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from sync_engine.ops.decisions import operations as ops
from sync_engine.ops.decisions.plan import do
from sync_engine.ops.imports import apply_import, undo_import
from sync_engine.store.db import run_sql, transaction
from tests.links.life import state_word
from tests.links.support import World

Undo = Callable[[], object]


class Subject(NamedTuple):
    """The debtor a decision is about, another one, and a drawer for files."""

    world: World
    debtor: str
    other: str
    drawer: Path

    def decide(self, operation: ops.Operation) -> Undo:
        """Ada decides; the answer takes it back."""
        plan = do(self.world.runtime, operation, by="ada").hash
        return lambda: do(self.world.runtime, ops.Undo(plan=plan), by="ada")


def pinned(**how: Any) -> Callable[[Subject], Undo]:
    """A phone number set by hand."""
    return lambda s: s.decide(ops.PinField(record=s.debtor, field="phone", value="+45 87 65 43 21", **how))


def until_tomorrow(s: Subject) -> Undo:
    """Set by hand until tomorrow."""
    return pinned(until=s.world.clock.time.date() + timedelta(days=1))(s)


def tagged(s: Subject) -> Undo:
    """A tag that a file brought."""
    path = s.drawer / "tags.csv"
    path.write_text("customer,tag\n10003,vip\n", encoding="utf-8")
    number = apply_import(s.world.store, "debtor-tags", path, who="mia", clock=s.world.clock).import_id or 0
    return lambda: undo_import(s.world.store, number, who="mia", clock=s.world.clock)


def parent_imported(s: Subject) -> Undo:
    """A parent that a file brought."""
    path = s.drawer / "parents.csv"
    path.write_text("customer,parent_customer\n10003,10001\n", encoding="utf-8")
    number = apply_import(s.world.store, "groups", path, who="mia", clock=s.world.clock).import_id or 0
    return lambda: undo_import(s.world.store, number, who="mia", clock=s.world.clock)


def paused(s: Subject) -> Undo:
    """An application pauses the debtor, and takes it back."""

    def say(value: Any) -> None:
        state_word(s.world, s.debtor, "chasing_paused", value)
        s.world.run("erp")

    say(True)
    return lambda: say(None)


def promised(s: Subject) -> Undo:
    """An application says when the debtor's invoice will be paid, and takes it back."""

    def say(value: str | None) -> None:
        with transaction(s.world.store, "saying") as connection:
            run_sql(
                connection,
                """
                INSERT INTO canonical.claim_inbox (entity, record_id, field, value, said_by)
                SELECT 'document', id, 'promise', to_jsonb(CAST(:value AS text)), 'dunning' FROM canonical.document WHERE external_id = 'D4'
                """,
                value=value,
            )
        s.world.run("erp")

    say("2027-01-31")
    return lambda: say(None)


DECISIONS: dict[str, Callable[[Subject], Undo]] = {
    "a pin": pinned(), "a pin until a date": until_tomorrow, "a pin until the source changes": pinned(until_source_changes=True),
    "a parent": lambda s: s.decide(ops.SetParent(debtor=s.debtor, parent="10001")),
    "being a parent": lambda s: s.decide(ops.SetParent(debtor="10001", parent=s.debtor)),
    "a group": lambda s: s.decide(ops.SetGroup(name="Nord", members=(s.debtor,))),
    "the top of a group": lambda s: s.decide(ops.SetGroup(name="Nord", top_debtor=s.debtor)),
    "a tag": tagged, "an imported parent": parent_imported, "a pause": paused, "a promise": promised,
    "not the same": lambda s: s.decide(ops.NotTheSame(source="crm", key="C2", record=s.debtor)),
    "a link": lambda s: s.decide(ops.Link(source="crm", key="C3", to=s.debtor)),
}  # fmt: skip
"""Kind -> decides about the subject, and says how it is taken back."""
OF_NO_DEBTOR_ROW = ("the top of a group", "a tag", "a promise", "not the same")


def merged_and_parted(s: Subject) -> None:
    """A person joins it with another debtor, and parts them."""
    s.decide(ops.Merge(losing=s.debtor, into=s.other, force=True))
    s.world.run("erp")
    s.decide(ops.Unmerge(record=s.debtor))


def merged_and_undone(s: Subject) -> None:
    """The merge itself is undone."""
    s.decide(ops.Merge(losing=s.debtor, into=s.other, force=True))()


def the_other_merged_into_it(s: Subject) -> None:
    """It is the survivor."""
    s.decide(ops.Merge(losing=s.other, into=s.debtor, force=True))
    s.world.run("erp")
    s.decide(ops.Unmerge(record=s.other))


def moved_and_moved_back(s: Subject) -> None:
    """Its only record means another debtor, and then itself again."""
    s.decide(ops.Link(source="erp", key="E4", to=s.other, force=True))()


def deleted_and_created_again(s: Subject) -> None:
    """Gone from the ERP for one run."""
    card = s.world.records["erp"]["debtors"].pop("E4")
    s.world.run("erp")
    s.world.records["erp"]["debtors"]["E4"] = card
    s.world.run("erp")


LIVES = (
    merged_and_parted,
    merged_and_undone,
    the_other_merged_into_it,
    moved_and_moved_back,
    deleted_and_created_again,
)


def seen(world: World) -> dict[str, frozenset[str]]:
    """What readers see and people decided; that an application ever spoke of a debtor leaves a link without a word."""
    found = world.state() | world.decided()
    found["link"] = frozenset(row for row in found["link"] if '"source": "inbox"' not in row)
    for table in ("canonical.tag", "engine.tag", "engine.group_member"):
        found[table] = frozenset(
            str(r[0]) for r in world.rows(f"SELECT CAST(to_jsonb(x) AS text) FROM {table} x")
        )
    return found


def differences(
    before: dict[str, frozenset[str]], now: dict[str, frozenset[str]]
) -> dict[str, tuple[list[str], list[str]]]:
    """What went and what came, by table."""
    return {
        t: (sorted(before[t] - now[t]), sorted(now[t] - before[t])) for t in before if before[t] != now[t]
    }


@pytest.fixture
def subject(running: World, tmp_path: Path) -> Subject:
    """10003 in a world of three sources."""
    return Subject(
        running, str(running.debtor_of("erp", "E4")), str(running.debtor_of("erp", "E1")), tmp_path
    )


@pytest.mark.parametrize("kind", DECISIONS)
def test_a_decision_outlives_everything_and_is_taken_back_through_everything(
    subject: Subject, kind: str
) -> None:
    """After each life it is as decided; taken back while its record is merged away, and parted, it is as never decided; time ends what time should."""
    world, before = subject.world, seen(subject.world)
    take_back = DECISIONS[kind](subject)
    decided = seen(world)
    assert decided != before
    for life in LIVES:
        life(subject)
        assert differences(decided, seen(world)) == {}, life.__name__
    subject.decide(ops.Merge(losing=subject.debtor, into=subject.other, force=True))
    if kind not in ("a link", "the top of a group"):
        take_back()
        subject.decide(ops.Unmerge(record=subject.debtor))
        assert differences(gone(before), gone(seen(world))) == {}, "taken back while merged"
        take_back = DECISIONS[kind](subject)
    else:
        subject.decide(ops.Unmerge(record=subject.debtor))
    world.clock.time += timedelta(days=3)
    world.run("crm")
    assert (seen(world)["debtor"] == before["debtor"]) == (kind in ("a pin until a date", *OF_NO_DEBTOR_ROW))
    take_back()
    assert differences(gone(before), gone(seen(world))) == {}, "taken back in the end"


def gone(found: dict[str, frozenset[str]]) -> dict[str, frozenset[str]]:
    """Without groups: one that was dissolved by an undo stays as a tombstone."""
    return {table: rows for table, rows in found.items() if table != "debtor_group"}
