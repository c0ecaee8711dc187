"""What people decide about who is who and which value holds, as jobs: the form in the Launchpad, one function of the engine, the plan as tables.

A launch plans and changes nothing, unless its form says `apply`. A plan is carried out by its hash, exactly as it was shown.
"""

from abc import abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import dagster as dg
from pydantic import Field

from dagster_project.asset_specs import Shop
from dagster_project.families import LINKS
from dagster_project.plan_metadata import about_plan
from dagster_project.resources import OpenRuntime
from dagster_project.stage_step import refusals_told
from sync_engine.ops.decisions import groups, links, names
from sync_engine.ops.decisions.plan_view import Plan
from sync_engine.ops.runs.environment import source_named
from sync_engine.ops.runs.source_run import Runtime

# No `from __future__ import annotations` in this module: Dagster reads the annotations of a step as they stand.
Entity = Literal["debtor", "contact"]
ENTITY: Any = Field("debtor", description="What kind of record: debtor or contact.")
SOURCE = Field(description="The source of the record, by the name in its YAML.")
QUOTED = 'Digits go in quotes: "10000".'
"""The form is YAML: without quotes 0100 would be another number, so Dagster takes a number for no text."""
KEY = Field(
    description=f"The record's id in its source: the ERP's or CRM's own id, not a number people see. {QUOTED}"
)
RECORD = f"A canonical record: its number, its canonical id, an id in one of its sources, or its exact name. {QUOTED}"
FORCE = Field(False, description="Although a veto speaks against it. The plan says which.")
WHO = Field(description="Who decides, for the audit: your name or login.")
WHY = Field("", description="Why, for the audit. It is kept with the change for ever.")
WAIT = Field(
    True,
    description="Wait for a run of a touched source to end. Without it the launch fails while one goes on.",
)


class Decision(dg.Config):
    """A decision: what `planned` plans, and whether to carry it out at once."""

    who: str = WHO
    why: str = WHY
    apply: bool = Field(
        False,
        description="Carry the plan out at once. Left false nothing changes: look at the plan, then launch ops_apply_plan.",
    )
    wait: bool = WAIT

    @abstractmethod
    def planned(self, shop: Runtime) -> Plan:
        """The plan of what the form says."""

    def carried_out(self, shop: Runtime) -> tuple[Plan, bool]:
        """The plan, and whether it was applied."""
        plan = self.planned(shop)
        return (
            (links.apply(shop, plan.hash, by=self.who, why=self.why or None, wait=self.wait), True)
            if self.apply
            else (plan, False)
        )


class Link(Decision):
    """A source record means a canonical record."""

    source: str = SOURCE
    key: str = KEY
    to: str = Field(description=RECORD)
    entity: Entity = ENTITY
    force: bool = FORCE

    def planned(self, shop: Runtime) -> Plan:
        """Links, or moves."""
        return links.link(
            shop, self.source, self.key, self.to, entity=self.entity, force=self.force, by=self.who
        )


class Unlink(Decision):
    """A source record does not mean what it is linked to."""

    source: str = SOURCE
    key: str = KEY
    entity: Entity = ENTITY

    def planned(self, shop: Runtime) -> Plan:
        """Takes a link away."""
        return links.unlink(shop, self.source, self.key, entity=self.entity, by=self.who)


class Merge(Decision):
    """Two canonical records are one."""

    losing: str = Field(
        description=f"The one that goes; it stays as a tombstone that names the other. {RECORD}"
    )
    into: str = Field(description=f"The one that stays. {RECORD}")
    entity: Entity = ENTITY
    force: bool = FORCE

    def planned(self, shop: Runtime) -> Plan:
        """Merges."""
        return links.merge(shop, self.losing, self.into, entity=self.entity, force=self.force, by=self.who)


class Unmerge(Decision):
    """A record that was merged away stands for itself again."""

    record: str = Field(
        description=f"The record that was merged away: its number, or its canonical id where several had it. {QUOTED}"
    )
    entity: Entity = ENTITY

    def planned(self, shop: Runtime) -> Plan:
        """Takes a merge apart."""
        return links.unmerge(shop, self.record, entity=self.entity, by=self.who)


class NotTheSame(Decision):
    """No rule ever links these two."""

    source: str = SOURCE
    key: str = KEY
    record: str = Field(description=RECORD)
    entity: Entity = ENTITY

    def planned(self, shop: Runtime) -> Plan:
        """Forbids a link."""
        return links.not_the_same(shop, self.source, self.key, self.record, entity=self.entity, by=self.who)


class Adopt(Decision):
    """A suggestion is right."""

    source: str = SOURCE
    key: str = KEY
    record: str = Field(
        description=f"What was suggested; `sync-engine links suggestions SOURCE` lists it. {RECORD}"
    )
    entity: Entity = ENTITY

    def planned(self, shop: Runtime) -> Plan:
        """Links what a suggestion proposed."""
        return links.adopt(shop, self.source, self.key, self.record, entity=self.entity, by=self.who)


class Bulk(Decision):
    """Many decisions from a file."""

    file: str = Field(
        description="CSV or Excel that the machine of this run can read. Columns source, external_id, to; where wanted action (link, unlink, "
        "merge, not_the_same) and entity.",
    )

    def planned(self, shop: Runtime) -> Plan:
        """Plans them all, or none."""
        return links.bulk(shop, Path(self.file), by=self.who)


class PinField(Decision):
    """A field has a value, whatever the sources say."""

    record: str = Field(description=RECORD)
    field: str = Field(
        description="The field, as the canonical table calls it: credit_limit, owner, portfolio, email ..."
    )
    value: str | None = Field(
        None,
        description=f"The value; left out: empty. {QUOTED} Dagster keeps it: use the command line for what is personal.",
    )
    until: str | None = Field(
        None,
        description='The last day it holds, in quotes: "2026-12-31". Left out: until somebody unpins it.',
    )
    until_source_changes: bool = Field(
        False, description="Until a source says something else about the field."
    )
    entity: Entity = ENTITY

    def planned(self, shop: Runtime) -> Plan:
        """Pins."""
        until = names.day(self.until) if self.until else None
        return links.pin(
            shop,
            self.record,
            self.field,
            self.value,
            entity=self.entity,
            until=until,
            until_source_changes=self.until_source_changes,
            by=self.who,
        )


class UnpinField(Decision):
    """The sources decide about a field again."""

    record: str = Field(description=RECORD)
    field: str = Field(description="The pinned field.")
    entity: Entity = ENTITY

    def planned(self, shop: Runtime) -> Plan:
        """Unpins."""
        return links.unpin(shop, self.record, self.field, entity=self.entity, by=self.who)


class SetParent(Decision):
    """A debtor stands under another one."""

    debtor: str = Field(description=RECORD)
    parent: str | None = Field(
        None, description=f"The debtor above it; left out: none. A circle is refused. {QUOTED}"
    )

    def planned(self, shop: Runtime) -> Plan:
        """Sets or removes the parent."""
        return groups.set_parent(shop, self.debtor, self.parent, by=self.who)


class SetGroup(Decision):
    """Debtors that share a credit limit."""

    name: str = Field(description="The group's name; made when there is none of this name.")
    credit_limit: str | None = Field(
        None,
        description='Limit of all members in base currency, in quotes: "50000"; `none`: no limit. Left out: as it is.',
    )
    top_debtor: str | None = Field(None, description=f"The debtor at the top. Left out: as it is. {QUOTED}")
    members: list[str] = Field([], description='Debtors that join, as a list: ["10000", "10010"].')
    leaving: list[str] = Field([], description='Debtors that leave, as a list: ["10000", "10010"].')
    dissolve: bool = Field(False, description="The group is no more.")

    def planned(self, shop: Runtime) -> Plan:
        """Makes, changes or dissolves the group."""
        return groups.set_group(
            shop,
            self.name,
            credit_limit=names.limit(self.credit_limit),
            top_debtor=self.top_debtor,
            members=self.members,
            leaving=self.leaving,
            dissolve=self.dissolve,
            by=self.who,
        )


class Undo(Decision):
    """An applied plan is taken back."""

    plan: str = Field(
        "last",
        description="Hash of the applied plan, or its first characters, in quotes; `last` is the latest that still stands.",
    )

    def planned(self, shop: Runtime) -> Plan:
        """The state from before it."""
        return links.undo(shop, self.plan, by=self.who)


class ApplyPlan(dg.Config):
    """A plan that was looked at."""

    plan: str = Field(
        description="Hash of the plan, or its first characters, in quotes, as the run that planned it shows it."
    )
    who: str = WHO
    why: str = WHY
    wait: bool = WAIT

    def carried_out(self, shop: Runtime) -> tuple[Plan, bool]:
        """Exactly what it showed."""
        return links.apply(shop, self.plan, by=self.who, why=self.why or None, wait=self.wait), True


class SwitchToAutomatic(dg.Config):
    """A source whose unlinked records the rules may link."""

    source: str = SOURCE
    entity: Entity = ENTITY
    plan: str = Field(
        "",
        description="Hash of the plan you looked at, in quotes. Left empty, it is only made. Nothing is switched without a current one.",
    )
    who: str = WHO
    why: str = WHY
    wait: bool = WAIT

    def carried_out(self, shop: Runtime) -> tuple[Plan, bool]:
        """The plan; with its hash, the switch."""
        config = source_named(self.source)
        if not self.plan:
            return links.go_automatic(shop, config, entity=self.entity, by=self.who), False
        return links.switch_to_automatic(
            shop, config, self.plan, entity=self.entity, by=self.who, why=self.why or None, wait=self.wait
        ), True


Form = Decision | ApplyPlan | SwitchToAutomatic
PLANS = "Plans it and changes nothing, unless told to apply."
JOBS: dict[str, tuple[type[Form], str]] = {
    "ops_link": (
        Link,
        f"This source record means that canonical record; its documents and contacts come along. {PLANS}",
    ),
    "ops_relink": (
        Link,
        f"Moves a source record to another canonical record; its documents and contacts go along. {PLANS}",
    ),
    "ops_unlink": (
        Unlink,
        f"This source record does not mean what it is linked to. Of a source that creates it stands for itself again. {PLANS}",
    ),
    "ops_merge": (
        Merge,
        f"Two canonical records are one: every source record of the one means the other. {PLANS}",
    ),
    "ops_unmerge": (
        Unmerge,
        f"A record that was merged away stands for itself again, with the source records it had. {PLANS}",
    ),
    "ops_not_the_same": (
        NotTheSame,
        f"No rule and no suggestion ever links this source record to that canonical record. {PLANS}",
    ),
    "ops_adopt": (Adopt, f"Links what a suggestion proposed, and keeps its score as evidence. {PLANS}"),
    "ops_links_from_file": (Bulk, f"Many decisions at once: one plan, one transaction, all or none. {PLANS}"),
    "ops_pin": (PinField, f"A field has this value, whatever the sources say. {PLANS}"),
    "ops_unpin": (UnpinField, f"The sources decide about a pinned field again. {PLANS}"),
    "ops_parent": (SetParent, f"A debtor stands under another one; ultimate parents follow. {PLANS}"),
    "ops_group": (SetGroup, f"A group of debtors with one credit limit: made, changed or dissolved. {PLANS}"),
    "ops_undo": (
        Undo,
        f"Takes an applied plan back: the state from before it. Refused where something of it was decided again since. {PLANS}",
    ),
    "ops_apply_plan": (
        ApplyPlan,
        "Does exactly what a plan showed, or refuses and says what has moved since.",
    ),
    "ops_switch_to_automatic": (
        SwitchToAutomatic,
        (
            "Lets the rules link what a source holds unlinked. Once records are created the right link is harder to make, so this wants the hash of a current "
            "plan: launch it without one first, and look. Set the same mode in the source's YAML, or its next run switches back."
        ),
    ),
}


def decision_jobs() -> list[dg.JobDefinition]:
    """Every decision as a job."""
    return [_job(name, form, says) for name, (form, says) in JOBS.items()]


def _job(name: str, form: type[Form], says: str) -> dg.JobDefinition:
    def decide(context: dg.OpExecutionContext, config: dg.Config, runtime: Shop) -> None:
        _decide(context, config, runtime)

    decide.__annotations__["config"] = form
    step = dg.op(name=name.removeprefix("ops_"), description=says)(decide)
    return one_step_job(name, step, form, says)


def one_step_job(name: str, step: dg.OpDefinition, form: type[dg.Config], says: str) -> dg.JobDefinition:
    """A job of one step whose form in the Launchpad is the step's own, without the levels above it."""

    def short(given: dg.Config) -> dict[str, object]:
        return {"ops": {step.name: {"config": given.model_dump()}}}

    short.__annotations__["given"] = form
    shorten: Callable[..., dg.ConfigMapping] = dg.config_mapping

    @dg.job(name=name, description=says, config=shorten(short), executor_def=dg.in_process_executor)
    def job() -> None:
        step()

    return job


def _decide(context: dg.OpExecutionContext, form: dg.Config, runtime: OpenRuntime) -> None:
    assert isinstance(form, Form)
    with refusals_told():
        plan, is_applied = form.carried_out(runtime.runtime)
    context.instance.add_run_tags(context.run_id, {"sync_engine/plan": plan.hash[:12]})
    kind = dg.AssetMaterialization if is_applied else dg.AssetObservation
    context.log_event(kind(LINKS, metadata=about_plan(plan, is_applied=is_applied)))
