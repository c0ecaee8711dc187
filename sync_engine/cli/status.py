"""`status`, `gaps`, `certificate`, and the held sweeps: looking at what the engine knows."""

from __future__ import annotations

import getpass
import re
from typing import TYPE_CHECKING, Annotated

import typer

from sync_engine.cli.app import app, command, group
from sync_engine.cli.context import open_runtime, open_store
from sync_engine.cli.output import ago, give, table

if TYPE_CHECKING:
    from rich.console import Console

    from sync_engine.ops.inspect.overview import Certificate, SourceOverview, Status
    from sync_engine.store.queries.source_status import SourceState

SourceWanted = Annotated[str | None, typer.Argument(help="Only this source.")]


@command(app)
def status(
    source: SourceWanted = None,
    runs: Annotated[int, typer.Option("--runs", help="How many runs to show.")] = 5,
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            help="Exit code 6 when a source is stale, failed, partial, held, graded C or D, or landed files are damaged.",
        ),
    ] = False,
) -> None:
    """How fresh every source and entity is, the last runs, and what waits for a person."""
    from sync_engine.ops.inspect import overview
    from sync_engine.ops.runs.environment import configured

    runtime = open_runtime()
    found = overview.status(runtime.store, configured(), source, runs)
    give(found, lambda screen: _draw_status(screen, found, [ago(e.age) for e in found.entities]))
    if check and any(s.needs_a_person for s in found.sources):
        raise typer.Exit(6)


def _draw_status(screen: Console, found: Status, ages: list[str]) -> None:
    screen.print(
        table(
            "Sources",
            (
                "source",
                "connector",
                "freshness",
                "last asked",
                "last run",
                "cut",
                "grade",
                "checked",
                "missing",
                "quarantined",
                "gaps",
                "held",
            ),
            [
                (
                    s.source,
                    s.connector,
                    s.freshness,
                    ago(s.age),
                    (s.outcome or "running") if s.state and s.state.run_id else None,
                    s.state.cut_id if s.state else None,
                    s.state.grade if s.state else None,
                    _checked(s.state),
                    s.state.missing if s.state else None,
                    s.state.quarantined if s.state else 0,
                    s.state.gaps if s.state else 0,
                    s.state.held if s.state else 0,
                )
                for s in found.sources
            ],
            right=("cut", "quarantined", "gaps", "held"),
            nothing="No source is configured and none has run.",
        )
    )
    if found.entities:
        screen.print(
            table(
                "Entities",
                (
                    "source",
                    "entity",
                    "family",
                    "last asked",
                    "known",
                    "quarantined",
                    "excluded",
                    "deleted",
                    "outcome",
                ),
                [
                    (
                        e.source,
                        e.entity,
                        e.family,
                        age,
                        e.records,
                        e.quarantined,
                        e.excluded,
                        e.deleted,
                        e.outcome,
                    )
                    for e, age in zip(found.entities, ages, strict=True)
                ],
                right=("known", "quarantined", "excluded", "deleted"),
            )
        )
    if found.runs:
        screen.print(
            table(
                "Last runs",
                (
                    "started",
                    "source",
                    "kind",
                    "by",
                    "outcome",
                    "took",
                    "read",
                    "changed",
                    "deleted",
                    "calls",
                    "cut",
                ),
                [
                    (
                        r.started_at,
                        r.source,
                        r.kind,
                        r.triggered_by,
                        r.outcome or "running",
                        f"{(r.finished_at - r.started_at).total_seconds():.1f} s" if r.finished_at else None,
                        r.read,
                        r.changed,
                        r.deleted,
                        r.calls,
                        r.cut_id,
                    )
                    for r in found.runs
                ],
                right=("took", "read", "changed", "deleted", "calls", "cut"),
            )
        )
    failing = {s.source: s.failing for s in found.sources if s.failing is not None}
    for one in failing.values():
        screen.print(f"{one.for_how_long}: {one.error}", style="red", markup=False, soft_wrap=True)
    for run in found.runs:
        if run.error and not (run.outcome == "failed" and run.source in failing):
            screen.print(
                f"{run.source} at {run.started_at:%Y-%m-%d %H:%M}: {run.error}", style="red", markup=False
            )
    _draw_notes(screen, found)
    for s in found.sources:
        _draw_writes(screen, s)
    for cause in found.causes:
        screen.print(f"Missing: {cause.sentence}", style="yellow", markup=False)
    for batch in found.damaged:
        screen.print(str(batch.failure(batch.damage or "")), style="red", markup=False, soft_wrap=True)
    for hold in found.holds:
        screen.print(
            f"Held: {hold.source} {hold.entity}, {hold.missing:,} of {hold.known:,} records are missing. See `sync-engine sweep list`.",
            style="yellow",
            markup=False,
        )


def _draw_writes(screen: Console, s: SourceOverview) -> None:
    """What is refused or waits to be written back."""
    writes = s.writes
    told = {
        "refused": writes.refused,
        "waiting for a person": writes.held,
        "not answered": writes.unknown,
        "waiting": writes.pending,
    }
    if said := ", ".join(f"{n:,} {what}" for what, n in told.items() if n):
        late = "; some for too long" if s.is_late else ""
        style = "red" if writes.refused or s.is_late else "yellow"
        screen.print(
            f"Writes to {s.source}: {said}{late}. See `sync-engine outbox list {s.source}`.",
            style=style,
            markup=False,
        )


def _draw_notes(screen: Console, found: Status) -> None:
    """What the source does not tell, and what was odd or new at the last reading: a line for each sentence."""
    for s in found.sources:
        for note in s.state.notes if s.state else ():
            if note.startswith("C13"):
                screen.print(f"Note: {s.source} {note}", style="yellow", markup=False)
        if s.state and s.state.why_inexact and s.state.money_tied is not None:
            exact = f"as-of answers are exact from {s.state.exact_from}"
            screen.print(f"Note: {s.source}: {exact}.", style="yellow", markup=False)
    noted: dict[str, list[str]] = {}
    for e in found.entities:
        if e.note:
            noted.setdefault(e.note, []).append(f"{e.source} {e.entity}")
    for note, about in noted.items():
        screen.print(f"Note: {', '.join(about)}: {note}.", style="yellow", markup=False)


def _checked(state: SourceState | None) -> str | None:
    """`9 of 13, money ties`: how much the grade stands on."""
    if state is None or state.n_answered is None:
        return None
    money = "no money" if state.money_tied is None else "money ties" if state.money_tied else "money not tied"
    return f"{state.n_answered} of {state.n_checks}, {money}"


@command(app)
def gaps(source: SourceWanted = None) -> None:
    """Codes for which the mapping has no rule; the field was left out of the record's claim."""
    from sync_engine.ops.inspect import overview

    found = overview.gaps(open_store(), source)
    give(
        {"gaps": found},
        lambda screen: screen.print(
            table(
                "Code gaps",
                ("source", "entity", "field", "code", "records", "since", "for example"),
                [(g.source, g.entity, g.field, g.code, g.records, g.first_at, g.example) for g in found],
                right=("records",),
                nothing="Every code has a rule.",
            )
        ),
    )


@command(app)
def certificate(
    of: Annotated[
        str | None,
        typer.Argument(
            metavar="[SOURCE|CUT]",
            help="A source (its last cut) or the number of a cut; every source when left out.",
        ),
    ] = None,
) -> None:
    """The proof of a cut: every control that the source can answer, source against canonical, and the grade."""
    from sync_engine.ops.inspect import overview

    found = overview.certificates(open_store(), of)
    give({"certificates": found}, lambda screen: draw_certificates(screen, found))


def draw_certificates(screen: Console, found: list[Certificate]) -> None:
    """Each certificate: its checks, and the records behind what breaks."""
    for one in found:
        _draw_certificate(screen, one)
    if not found:
        screen.print("No cut was published yet.")


def _draw_certificate(screen: Console, one: Certificate) -> None:
    cut = one.cut
    title = f"Certificate of cut {cut.cut_id}, {cut.source}, as of {cut.as_of:%Y-%m-%d %H:%M} UTC: grade {cut.grade or 'none (not certified)'}"
    rows = [
        (c.check, c.title, c.verdict, _brief(c.source_value), _brief(c.canonical_value), c.difference)
        for c in one.checks
    ]
    figures = ("source", "canonical", "difference")
    screen.print(
        table(
            title,
            ("check", "what", "verdict", *figures),
            rows,
            right=figures,
            nothing="This cut has no checks.",
        )
    )
    for sentence in one.since:
        screen.print(f"Since then: {sentence}", style="red", markup=False, soft_wrap=True)
    if one.proof:
        screen.print(one.proof, markup=False)
    for check in one.checks:
        detail = check.detail or {}
        if check.verdict != "holds" and detail.get("note"):
            screen.print(f"{check.check}: {detail['note']}", style="dim", markup=False)
        causes = detail.get("figures", {}).get("causes", ())
        for sentence in causes[:5]:
            screen.print(f"{check.check}: {sentence}", style="red", markup=False)
        for record in (detail.get("sample") or ())[:5] if check.verdict == "breaks" and not causes else ():
            said = f"source {record.get('source_value')}, canonical {record.get('canonical_value')}"
            screen.print(
                f"{check.check}: {record.get('what')} {record.get('key')}: {record.get('reason')}, {said}",
                style="red",
                markup=False,
            )


def _brief(value: str | None) -> str | None:
    """A digest is recognised by its beginning."""
    return f"{value[:12]}..." if value and re.fullmatch("[0-9a-f]{32,64}", value) else value


sweeps = group("Full sweeps that missed suspiciously many records and wait for a person.")
app.add_typer(sweeps, name="sweep")


@command(sweeps, "list")
def list_sweeps(source: SourceWanted = None) -> None:
    """Sweeps that were held; nothing of theirs was deleted."""
    from sync_engine.ops.inspect import overview

    found = overview.holds(open_store(), source)

    def draw(screen: Console) -> None:
        screen.print(
            table(
                "Held sweeps",
                ("source", "entity", "held", "known", "seen", "missing", "the source says", "approved by"),
                [
                    (h.source, h.entity, h.held_at, h.known, h.seen, h.missing, h.stated, h.approved_by)
                    for h in found
                ],
                right=("known", "seen", "missing", "the source says"),
                nothing="No sweep is held.",
            )
        )
        for h in found:
            screen.print(
                f"{h.source} {h.entity} did not see, for example: {', '.join(h.sample[:5])}", markup=False
            )
            for new, missing in [*h.look_alikes.items()][:5]:
                screen.print(f"{h.source} {h.entity} {new} is new, and written like {missing}", markup=False)

    give({"holds": found}, draw)


@command(sweeps, "approve")
def approve_sweep(
    source: Annotated[str, typer.Argument(help="Name of the source.")],
    entity: Annotated[str, typer.Argument(help="The wire entity whose sweep is held.")],
    by: Annotated[str | None, typer.Option("--by", help="Who decides; your account when left out.")] = None,
) -> None:
    """Believes the next full sweep of an entity: what it does not see is marked deleted."""
    from sync_engine.ops.inspect import overview

    hold = overview.approve_sweep(open_store(), source, entity, by or getpass.getuser())
    give(
        hold,
        lambda screen: screen.print(
            f"Approved by {hold.approved_by}. The next sweep decides: sync-engine run {source} --entity {entity} --full",
            markup=False,
        ),
    )
