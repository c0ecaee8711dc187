"""Three sources in memory of which everything is published, what can happen then that needs a cut, and all that a cut leaves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from sync_engine.config import SourceConfig
from sync_engine.errors import StoreError
from sync_engine.ops.decisions import operations as ops
from sync_engine.ops.decisions.plan import do
from sync_engine.stages.publish import Published
from sync_engine.store.db import run_sql, transaction
from sync_engine.store.publishing.cut import Cut
from tests.conftest import new_database
from tests.links.support import AsTheyAre, World, open_world
from tests.stages.snapshots import Snapshot, snapshot

Step = Callable[[World], object]
SOURCES = ("erp", "crm", "shop")
BESIDE = {
    "what the feed tells": """
        SELECT c.entity, c.record_id, c.op, c.field, CASE WHEN x.is_same THEN CAST(c.old AS text) END, CASE WHEN x.is_same THEN CAST(c.new AS text) END,
            c.actor_kind, count(*)
        FROM canonical.change c CROSS JOIN LATERAL (
            SELECT c.op IN ('create', 'update') AND coalesce(c.field NOT IN ('deleted_at', 'archived_at'), true) AS is_same) x
        GROUP BY 1, 2, 3, 4, 5, 6, 7""",
    "what the inbox answers": "SELECT inbox_id, answer, why FROM canonical.claim_inbox",
    "what is odd": "SELECT q.stream_id, q.key, q.error, q.message, q.parent_key FROM engine.quarantine q",
    "codes without a rule": "SELECT stream_id, field, code, key FROM engine.code_gap",
    "pins": "SELECT entity, canonical_id, field, ended_at IS NOT NULL FROM engine.pin",
    "records": "SELECT stream_id, key, state, reason, dirty, about FROM engine.source_record",
    "entries": "SELECT source, entry_no, record_kind, record_id FROM engine.ledger_entry",
    "batches": "SELECT stream_id, count(*), count(published_at) FROM engine.lake_manifest GROUP BY 1",
    "named in vain": "SELECT document_id, owner, terms FROM engine.unresolved_reference",
    "circles": "SELECT debtor_id FROM engine.parent_circle",
    "to be linked by a person": "SELECT entity, source, external_id, outcome, CAST(candidates AS text) FROM engine.link_case",
}
"""What a cut leaves besides canonical rows. Decisions tell moments and ids of their own in the feed, which no two worlds share."""


class Trigger(NamedTuple):
    """Something that a run of a source must publish. `found_by` names what finds it in a source without records that changed.

    `is_looked_at`: what it is about waits from before, so that runs before it are not quiet either.
    """

    source: str
    happens: Step
    found_by: str = ""
    prepare: Step = lambda _: None
    is_looked_at: bool = False


def everything(world: World) -> Snapshot:
    """All that readers see, and what the engine remembers, without moments; what was counted in the last cut of each source."""
    found = snapshot(world.store)
    for name, statement in BESIDE.items():
        found[name] = set(map(tuple, world.rows(statement)))
    return found


def counted(done: Published) -> dict[str, dict[str, int]]:
    """What a cut counted, without what it counted none of."""
    some = {entity: {what: n for what, n in row.items() if n} for entity, row in done.counts.items()}
    return {entity: row for entity, row in some.items() if row}


def invoice(world: World, source: str, key: str, debtor: str, total: str, **values: Any) -> None:
    """An open invoice as its source has it; without `open_amount` in a source that tells what was applied instead."""
    stated = {"open_amount": total, "erp_status": "open"} if source != "shop" else {}
    world.say(
        source, "documents", key, **{"debtor_key": debtor, "kind": "invoice", "number": f"I-{key}", "issue_date": "2026-01-15", "due_date": "2026-02-15",
            "currency": "DKK", "total": total, "is_posted": True, "lines": [], **stated, **values},
    )  # fmt: skip


def furnished(world: World) -> World:
    """An ERP, a CRM whose prospects wait for their customers, and a shop that tells payments and what they settled by key."""
    world.add("erp", "erp")
    world.add("crm", "crm", links={"debtor": {"mode": "automatic", "create_unmatched": False}})
    world.add("shop", "erp")
    for source in ("erp", "shop"):
        world.say(source, "companies", "1", name=f"Nordlys {source} A/S", base_currency="DKK", country="DK")
    for key, name in (("E1", "HANSEN & SØN A/S"), ("E2", "Müller GmbH"), ("E3", "Bianchi S.p.A.")):
        world.say("erp", "debtors", key, number=f"1000{key[1]}", name=name, country="DK", status="active")
    invoice(world, "erp", "D1", "E1", "100.00", owner_code="JO", terms_key="30")
    world.say("erp", "contacts", "EC1", debtor_key="E1", full_name="Anna Hansen", email="anna@hansen.dk")
    world.say("crm", "debtors", "C1", number="10001", name="Hansen & Soen", country="DK", status="active")
    world.say(
        "crm", "debtors", "C9", number="77777", name="Prospekt & Partner", registration_no="31415926", country="DK", status="active",
    )  # fmt: skip
    world.say("shop", "debtors", "S1", number="S-1", name="Rossi S.r.l.", country="IT", status="active")
    invoice(world, "shop", "D1", "S1", "80.00")
    world.say(
        "shop", "payments", "P1", debtor_key="S1", kind="payment", payment_date="2026-02-01", currency="DKK", amount="30.00",
    )  # fmt: skip
    world.say(
        "shop", "applications", "A1", payment_key="P1", document_key="D1", amount="30.00", applied_on="2026-02-01",
    )  # fmt: skip
    return world


@contextmanager
def copy_of(settled: tuple[str, World], server: str) -> Iterator[World]:
    """A copy of the settled world."""
    url, original = settled
    with new_database(server, url.rpartition("/")[2].partition("?")[0]) as copy:
        world = open_world(copy, Path(original.lake.root))
        world.clock, world.policy = deepcopy(original.clock), original.policy
        world.configs, world.records = dict(original.configs), deepcopy(original.records)
        try:
            yield world
        finally:
            world.store.dispose()


def configured(source: str, **changes: Any) -> Step:
    """The source's YAML says something else."""

    def step(world: World) -> None:
        before = world.configs[source].model_dump(mode="json", exclude_unset=True)
        world.configs[source] = SourceConfig.model_validate(before | changes)

    return step


def decided(operation: Callable[[World], ops.Operation]) -> Step:
    """A person decides."""
    return lambda world: do(world.runtime, operation(world), by="ada")


def by_hand(world: World) -> None:
    """A second ERP whose debtors a person links; nothing of a debtor without a link can be published."""
    world.add("second", "erp", links={"debtor": {"mode": "manual"}})
    world.say("second", "companies", "1", name="Nordlys Nord A/S", base_currency="DKK")
    world.say("second", "debtors", "X1", number="X-1", name="HANSEN & SØN", country="DK", status="active")


def waits_for_a_link(entity: str, key: str, **values: Any) -> Step:
    """A record of the second ERP that waits for its debtor's link."""

    def step(world: World) -> None:
        by_hand(world)
        world.say("second", entity, key, **{"debtor_key": "X1", "currency": "DKK", **values})
        world.run("second")

    return step


LINKED = decided(lambda _: ops.Link(source="second", key="X1", to="10001", force=True))


def before_its_debtor(world: World) -> None:
    """An invoice of a debtor whom the ERP does not show yet."""
    invoice(world, "erp", "D7", "E7", "7.00")
    world.run("erp")


def late_applications(world: World) -> None:
    """A shop of which payments and their applications could not be read; what is open of its invoice is not told."""
    world.add("late", "erp")
    world.say("late", "companies", "1", name="Nordlys Øst A/S", base_currency="DKK")
    world.say("late", "debtors", "L1", number="L-1", name="Novák s.r.o.", country="CZ", status="active")
    invoice(world, "late", "D1", "L1", "55.00", open_amount=None, erp_status=None)
    world.records["late"] |= {"payments": {}, "applications": {}}
    world.unread |= {("late", "payments"), ("late", "applications")}
    world.run("late")


def pinned(entity: str, record: Callable[[World], str]) -> Step:
    """A phone number that a person set until tomorrow."""

    def step(world: World) -> None:
        tomorrow = world.clock.time.date() + timedelta(days=1)
        pin = ops.PinField.model_validate(
            {
                "entity": entity,
                "record": record(world),
                "field": "phone",
                "value": "+45 87 65 43 21",
                "until": tomorrow,
            }
        )
        do(world.runtime, pin, by="ada")
        world.run("erp")

    return step


def days_pass(world: World) -> None:
    """Three days in which nothing happens."""
    world.clock.time += timedelta(days=3)


def anna(world: World) -> str:
    """The contact of the ERP."""
    return str(
        world.one(
            "SELECT canonical_id FROM canonical.link WHERE entity = 'contact' AND source = 'erp' AND external_id = 'EC1'"
        )
    )


def in_a_circle(world: World) -> None:
    """Two debtors of the ERP call each other their parent: neither is believed."""
    for key, parent in (("E2", "E3"), ("E3", "E2")):
        world.records["erp"]["debtors"][key]["parent_key"] = parent
    world.run("erp")


def promised(world: World) -> None:
    """An application says when an invoice will be paid."""
    with transaction(world.store, "saying") as connection:
        run_sql(
            connection,
            """
            INSERT INTO canonical.claim_inbox (entity, record_id, field, value, said_by)
            SELECT 'document', id, 'promise', '"2027-01-31"', 'dunning' FROM canonical.document WHERE source = 'erp' AND external_id = 'D1'
            """,
        )


def broken_off(world: World) -> None:
    """A debtor is renamed, and the cut that should tell it fails at its end."""

    def fails(_: Cut) -> int:
        raise StoreError("the disk is full", whose="erp")

    world.records["erp"]["debtors"]["E1"]["name"] = "HANSEN & SØNS A/S"
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("sync_engine.stages.publish.close_cut", fails)
        with pytest.raises(StoreError):
            world.run("erp")


def another_mapping(world: World) -> None:
    """What the mapping makes of records is something else now."""

    class Louder(AsTheyAre):
        version = "louder"

        def normalise(self, entity: str, records: Any) -> Any:
            """Names in capitals."""
            out = super().normalise(entity, records)
            for draft in out.drafts:
                if "name" in draft.values:
                    draft.values["name"] = draft.values["name"].upper()
            return out

    world.normaliser = Louder()


def staging_lost(world: World) -> None:
    """The database server died, and with it what waited in staging; a person links the debtor that it waited for."""
    with transaction(world.store, "losing") as connection:
        for (table,) in world.rows(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'staging' AND tablename LIKE 'second\\_\\_%'"
        ):
            run_sql(connection, f'TRUNCATE staging."{table}"')
    LINKED(world)


def changed(source: str, entity: str, key: str, **values: Any) -> Step:
    """A record says something else."""
    return lambda world: world.records[source][entity][key].update(values)


def gone(source: str, entity: str, key: str) -> Step:
    """A record is no longer there."""
    return lambda world: world.records[source][entity].pop(key)


def read_at_last(world: World) -> None:
    """All can be read; there are no payments, so nothing was applied."""
    world.unread.clear()


def another_source_publishes(world: World) -> None:
    """The ERP has a new customer that the CRM knows as a prospect."""
    world.say(
        "erp", "debtors", "E9", number="10009", name="Prospekt & Partner", registration_no="31415926", country="DK", status="active",
    )  # fmt: skip
    world.run("erp")


def candidates(world: World) -> None:
    """Two debtors of the ERP that both may be the prospect."""
    for key in ("E8", "E9"):
        world.say(
            "erp", "debtors", key, number=f"1000{key[1]}", name="Prospekt & Partner", registration_no="31415926", country="DK", status="active",
        )  # fmt: skip
    world.run("erp")
    world.run("crm")
