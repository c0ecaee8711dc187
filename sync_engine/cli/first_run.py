"""How the plan of a first run is drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sync_engine.cli.output import table

if TYPE_CHECKING:
    from rich.console import Console

    from sync_engine.ops.runs.first_run import FirstRun

SHOWN = 20
"""Lines of each list; --json has all."""


def draw_first_run(screen: Console, plan: FirstRun) -> None:
    """Counts first, then what was matched, what a person has to decide, what is there twice, and what cannot be used."""
    new = "would become debtors" if plan.creates else "would wait for a person: the source creates no debtors"
    counts = [
        ("new", plan.new, new if plan.new else ""),
        ("matched", plan.matched, "would be linked to debtors that are there" if plan.matched else ""),
        ("ambiguous", plan.ambiguous, "would wait for a person: several may be meant, or one that is in doubt" if plan.ambiguous else ""),
        ("vetoed", plan.vetoed, "look like a debtor that something speaks against" if plan.vetoed else ""),
        ("linked already", plan.already_linked, ""),
        ("quarantined", plan.quarantined, "cannot be used" if plan.quarantined else ""),
        ("excluded", plan.excluded, "left out by the settings" if plan.excluded else ""),
    ]  # fmt: skip
    title = f"{plan.source}: {plan.read:,} debtors read, links are made {plan.mode}"
    screen.print(
        table(
            title,
            ("outcome", "debtors", ""),
            [row for row in counts if row[1]],
            right=("debtors",),
            nothing="It has no debtors.",
        )
    )
    _listed(
        screen,
        "Decided by a rule, or left to a person",
        ("debtor", "outcome", "rung", "meant", "why"),
        [
            (f"{p.number or p.key} {p.name or ''}", p.outcome, p.rung, "; ".join(p.called), p.why)
            for p in plan.decided
        ],
    )
    _listed(
        screen,
        "Twice in the source itself",
        ("debtor", "and", "score", "because"),
        [
            (
                f"{t.first_number} {t.first_name or ''}",
                f"{t.second_number} {t.second_name or ''}",
                f"{t.score:.2f}",
                t.because,
            )
            for t in plan.twins
        ],
    )
    _listed(
        screen, "Not usable", ("debtor", "outcome", "why"), [(u.key, u.outcome, u.why) for u in plan.unusable]
    )
    screen.print(f"Nothing was changed. `sync-engine run {plan.source}` does it.", markup=False)


def _listed(screen: Console, title: str, heads: tuple[str, ...], rows: list[tuple[str | None, ...]]) -> None:
    if not rows:
        return
    screen.print(table(title, heads, rows[:SHOWN]))
    if len(rows) > SHOWN:
        screen.print(f"and {len(rows) - SHOWN:,} more; --json has all.", markup=False)
