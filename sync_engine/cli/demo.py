"""`demo`: a Business Central company arrives in the canonical store, changes, and arrives again."""

from __future__ import annotations

import sys
import time
from decimal import Decimal
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sync_engine.cli import output
from sync_engine.cli.app import app, command
from sync_engine.cli.context import open_runtime
from sync_engine.cli.explain import draw_story
from sync_engine.cli.output import table
from sync_engine.cli.run import draw_changes
from sync_engine.cli.status import draw_certificates

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from rich.console import Console
    from sqlalchemy import Engine

    from sync_engine.ops.inspect.overview import Receivables
    from sync_engine.store.queries.receivables import Change
    from sync_engine.store.queries.source_status import EntityOutcome


@command(app)
def demo(
    keep: Annotated[
        bool,
        typer.Option(
            "--keep",
            help="Leave simulator and database running until Ctrl-C, to try things in a second terminal.",
        ),
    ] = False,
    ui: Annotated[
        bool, typer.Option("--ui", help="Open Dagster on the demo's data after the first run, until Ctrl-C.")
    ] = False,
    port: Annotated[int, typer.Option("--port", help="Port of the Dagster UI.")] = 3000,
) -> None:
    """Shows the engine on a simulated Business Central over real HTTPS: a first run, changes in the ERP, a second run. Under two minutes."""
    from sync_engine.ops import demo as ops

    ops.end_in_order()
    folder = ops.fresh_home()
    try:
        _tell(folder, keep=keep, ui=ui, port=port)
    finally:
        ops.stop_database(folder)


def _tell(folder: Path, *, keep: bool, ui: bool, port: int) -> None:
    from sync_engine.ops import demo as ops

    told = _Narrator()
    told.say("1", "A simulated Business Central starts: HTTPS with its own authority, OAuth, OData paging")
    with ops.simulator(folder) as simulator:
        told.say("", f"{simulator.ready['base_url']}, companies: {', '.join(simulator.ready['companies'])}")
        _show(told, simulator, stop_after_first=ui)
        if ui:
            told.say(
                "",
                f"Dagster's UI opens on http://127.0.0.1:{port} in about 20 s. Ctrl-C stops it, the simulator and the database.",
            )
            ops.dagster_ui(port)
        elif keep:
            ops.end_in_order()
            _wait(told, folder)
    if not ui:
        told.end(folder)


def _show(told: _Narrator, simulator: Any, *, stop_after_first: bool) -> None:
    from sync_engine.ops import demo as ops
    from sync_engine.ops.inspect import explain, overview

    told.say("2", "A private PostgreSQL starts in the demo's home, and the tables are made")
    runtime = open_runtime()
    store = runtime.store
    told.say(
        "3", "First run, through Dagster: everything is read, normalised, published in one cut, reconciled"
    )
    told.outcomes("first run", _run(store, is_kept=stop_after_first))
    told.receivables(overview.receivables(store, ops.SOURCE))
    chosen = ops.choose(store)
    story = explain.explain(store, "debtor", chosen.debtor)
    told.say("", "Who is master of each field of one debtor")
    told.keep("explain", story, lambda screen: draw_story(screen, story))
    told.certificates(overview.certificates(store, ops.SOURCE))
    if stop_after_first:
        store.dispose()
        return
    before = overview.newest_change(store)
    told.say("4", "Meanwhile, in Business Central")
    done = ops.change_the_company(simulator, store)
    told.keep(
        "done", done, lambda screen: [screen.print(f"  · {sentence}", markup=False) for sentence in done]
    )
    told.say(
        "5",
        "Second run: only what changed since; then a full sweep of the contacts, since an API does not tell what is gone",
    )
    told.outcomes("second run", _run(store), only_moved=True)
    told.outcomes(
        "sweep of the contacts", _run(store, "one_entity", family="contacts", full=True), only_moved=True
    )
    told.changes(overview.changes_since(store, before))
    told.certificates(overview.certificates(store, ops.SOURCE))
    store.dispose()


def _run(
    store: Engine, job: str = "lane", *, is_kept: bool = False, **decisions: object
) -> list[EntityOutcome]:
    from sync_engine.ops import demo as ops
    from sync_engine.ops.inspect import overview

    with output.working("Dagster runs the lane"):
        ops.run_through_dagster(job, is_kept=is_kept, **decisions)
    last = overview.last_run(store, ops.SOURCE)
    return overview.outcomes(store, last) if last else []


def _wait(told: _Narrator, folder: Path) -> None:
    told.say(
        "", "Simulator and database go on running. Ctrl-C stops both. In a second terminal, in this folder:"
    )
    told.second_terminal(folder)
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        return


class _Narrator:
    """Prints the demo as it happens; with --json gathers everything and prints it at the end."""

    def __init__(self) -> None:
        self._screen, self._gathered, self._started = output.console(), dict[str, Any](), time.monotonic()

    def say(self, number: str, sentence: str) -> None:
        """A heading, or a remark below one."""
        if not output.AS_JSON:
            heading = f"\n{number}  {sentence}" if number else f"\n   {sentence}"
            self._screen.print(heading, style="bold" if number else None, soft_wrap=True)

    def keep(self, name: str, data: Any, draw: Any) -> None:
        """Shows something, or keeps it for the JSON document."""
        if output.AS_JSON:
            self._gathered.setdefault(name, []).append(data)
        else:
            draw(self._screen)

    def outcomes(self, title: str, found: list[EntityOutcome], *, only_moved: bool = False) -> None:
        """What a run came to per entity."""
        lines = [o for o in found if o.entity != "cut" and (o.changed or o.deleted or not only_moved)]
        asked = sum(o.read for o in found if o.entity != "cut")
        changed = sum(o.changed for o in lines)
        cost = f"{sum(o.calls for o in found):,} calls, {sum(o.seconds for o in found):.1f} s"
        self.keep(
            "runs",
            {"title": title, "entities": found},
            lambda screen: screen.print(
                table(
                    f"Outcome of the {title}: {asked:,} records read, {changed:,} new or different, {cost}",
                    (
                        "entity",
                        "outcome",
                        "read",
                        "new or different",
                        "quarantined",
                        "excluded",
                        "deleted",
                        "calls",
                    ),
                    [
                        (
                            o.entity,
                            o.outcome,
                            o.read,
                            o.changed,
                            o.quarantined,
                            o.excluded,
                            o.deleted,
                            o.calls,
                        )
                        for o in lines
                    ],
                    right=("read", "new or different", "quarantined", "excluded", "deleted", "calls"),
                    nothing="Nothing moved.",
                )
            ),
        )

    def receivables(self, found: Receivables) -> None:
        """Portfolios, positions and the ageing."""
        self.keep("receivables", found, lambda screen: draw_receivables(screen, found))

    def certificates(self, found: Any) -> None:
        """The certificate of the last cut."""
        self.keep("certificates", found, lambda screen: draw_certificates(screen, found))

    def changes(self, found: list[Change]) -> None:
        """What the change feed says, a line per record."""
        self.keep("changes", found, lambda screen: draw_changes(screen, found))

    def second_terminal(self, folder: Path) -> None:
        """What another shell must know. The simulator's secret is read from where the simulator left it, so that no screen shows it."""
        from sync_engine.ops.demo import SECRET

        if output.AS_JSON:
            return
        read = f"import json; print(json.load(open({str(folder / 'simulator.json')!r}))['client_secret'])"
        self._screen.print(
            f'   export PATH={quote(str(Path(sys.executable).parent))}:"$PATH"\n'
            f"   export SYNC_ENGINE_HOME={quote(str(folder))} SYNC_ENGINE_DEFS={quote(str(folder / 'defs'))}\n"
            f'   export {SECRET}=$({quote(sys.executable)} -c {quote(read)})\n'
            "   sync-engine status",
            markup=False, soft_wrap=True,
        )  # fmt: skip

    def end(self, folder: Any) -> None:
        """What to try next, or the JSON document."""
        if output.AS_JSON:
            output.give(
                {
                    **self._gathered,
                    "seconds": round(time.monotonic() - self._started, 1),
                    "home": str(folder),
                },
                lambda _screen: None,
            )
            return
        self.say(
            "6",
            f"Done in {time.monotonic() - self._started:.0f} s. What was started is stopped; the data stays in {folder}",
        )
        self._screen.print(
            f'   export PATH={quote(str(Path(sys.executable).parent))}:"$PATH"\n'
            f"   export SYNC_ENGINE_HOME={quote(str(folder))} SYNC_ENGINE_DEFS={quote(str(folder / 'defs'))}\n"
            "   sync-engine status\n"
            '   sync-engine sql "SELECT portfolio, count(debtor_id) FROM canonical.portfolio_members GROUP BY 1"\n'
            '   sync-engine sql "SELECT status, count(*) FROM demo.salesInvoices WHERE is_latest GROUP BY 1"\n'
            "   sync-engine explain debtor 10000 --field portfolio\n"
            "   make dev     the same in the Dagster UI",
            markup=False,
            soft_wrap=True,
        )


def draw_receivables(screen: Console, found: Receivables) -> None:
    """Three tables: portfolios (the empty ones too), positions, ageing per currency and in base currency."""
    screen.print(
        table(
            "Portfolios, one for every value of the chosen dimension",
            ("portfolio", "code", "debtors", "balance", "overdue", ""),
            [
                (
                    f"{p.portfolio}{' (archived)' if p.archived else ''}",
                    p.code,
                    p.debtors,
                    _sum([p.balance]),
                    _sum([p.overdue]),
                    p.currency,
                )
                for p in found.portfolios
            ],
            right=("debtors", "balance", "overdue"),
        )
    )
    screen.print(
        table(
            "Positions, made from the contacts' titles",
            ("position", "contacts", "debtors", "titles"),
            [
                (p.position, p.contacts, p.debtors, ", ".join(repr(t) for t in p.titles))
                for p in found.positions
            ],
            right=("contacts", "debtors"),
        )
    )
    buckets = list(dict.fromkeys(b for line in found.ageing for b in line.buckets))
    rows: list[tuple[Any, ...]] = [
        (line.currency, *(line.buckets.get(b) for b in buckets), line.unapplied, line.balance)
        for line in found.ageing
    ]
    base = next((line.base_currency for line in found.ageing), None)
    if base:
        total = (
            f"all in {base}",
            *(_sum(line.buckets_base.get(b, Decimal(0)) for line in found.ageing) for b in buckets),
            _sum(a.unapplied_base for a in found.ageing),
            _sum(a.balance_base for a in found.ageing),
        )
        rows.append(total)
    screen.print(
        table(
            "Ageing by due date, per currency and in base currency",
            ("currency", *buckets, "unapplied", "balance"),
            rows,
            right=(*buckets, "unapplied", "balance"),
        )
    )


def _sum(amounts: Iterable[Decimal | None]) -> Decimal | str:
    """A sum of which one part is not known is not known."""
    parts = list(amounts)
    known = [part for part in parts if part is not None]
    return sum(known, Decimal(0)) if len(known) == len(parts) else "unknown"
