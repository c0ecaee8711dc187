"""What a command prints: tables for people, one JSON document with --json, progress on long work, errors as one sentence."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sync_engine.errors import SyncError

if TYPE_CHECKING:
    from rich.console import Console

    from sync_engine.stages.source_run import Progress

AS_JSON = False
VERBOSE = False
STYLES = {
    "fresh": "green",
    "succeeded": "green",
    "holds": "green",
    "well": "green",
    "written": "green",
    "A": "bold green",
    "B": "yellow",
    "C": "bold red",
    "D": "bold red",
    "stale": "yellow",
    "held": "yellow",
    "partial": "yellow",
    "degraded": "yellow",
    "never read": "yellow",
    "skipped": "yellow",
    "not_answerable": "dim",
    "unknown": "dim",
    "failed": "bold red",
    "died": "bold red",
    "breaks": "bold red",
    "ill": "bold red",
    "running": "cyan",
}
_LOG = logging.getLogger("sync_engine")


def choose(*, as_json: bool, verbose: bool) -> None:
    """Takes the options every command has; one process is one command."""
    global AS_JSON, VERBOSE
    AS_JSON, VERBOSE = as_json, verbose
    logging.basicConfig(
        level=logging.INFO if VERBOSE else logging.WARNING,
        stream=sys.stderr,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        force=True,
    )
    for noisy in ("httpx", "httpcore", "alembic"):
        logging.getLogger(noisy).setLevel(logging.WARNING)  # they log URLs


def console(*, on_stderr: bool = False) -> Console:
    """A console as wide as the terminal, and wide enough for a table where there is none."""
    from rich.console import Console

    stream = sys.stderr if on_stderr else sys.stdout
    return Console(
        file=stream, width=None if stream.isatty() else 150, highlight=False, soft_wrap=False, emoji=False
    )


def give(answer: Any, render: Callable[[Console], None]) -> None:
    """Prints an answer: as JSON when asked for, else as `render` draws it."""
    if AS_JSON:
        sys.stdout.write(json.dumps(plain(answer), ensure_ascii=False, indent=2) + "\n")
    else:
        render(console())


def plain(value: Any) -> Any:
    """JSON-ready: named tuples and dataclasses become objects, money becomes text, instants ISO 8601 in UTC."""
    if hasattr(value, "_asdict"):
        return {k: plain(v) for k, v in value._asdict().items()}
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, str | int | float | bool) or value is None:
        return value
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z") if value.tzinfo else value.isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, BaseException):
        return error_document(value)
    if isinstance(value, Iterable) and not isinstance(value, bytes):
        return [plain(v) for v in value]
    return str(value) if isinstance(value, Decimal | UUID) else repr(value)


def table(
    title: str | None,
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    right: Sequence[str] = (),
    nothing: str = "none",
) -> Any:
    """A table of cells; `right` names the columns of figures."""
    from rich import box
    from rich.table import Table

    body = [[cell(v) for v in row] for row in rows]
    drawn = Table(
        title=title,
        box=box.SIMPLE_HEAD,
        title_justify="left",
        title_style="bold",
        pad_edge=False,
        caption=None if body else nothing,
        caption_justify="left",
    )
    for name in columns:
        drawn.add_column(name, justify="right" if name in right else "left", overflow="fold")
    for row in body:
        drawn.add_row(*row)
    return drawn


def cell(value: Any) -> Any:
    """A value as people read it; words that judge are coloured."""
    from rich.text import Text

    if value is None:
        return Text("")
    if isinstance(value, bool):
        return Text("yes" if value else "")
    if isinstance(value, Decimal):
        return Text(f"{value:,.2f}")
    if isinstance(value, int):
        return Text(f"{value:,}")
    if isinstance(value, datetime):
        return Text(f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S}")
    text = str(value)
    return Text(text, style=STYLES.get(text, ""))


def ago(seconds: float | None) -> str:
    """An age in the largest unit that says something."""
    if seconds is None:
        return "never"
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size:.0f} {unit} ago"
    return f"{max(0, seconds):.0f} s ago"


def shown(value: Any) -> str:
    """A stored value in a sentence: what is empty says so."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return (
        "empty" if value is None else f"{value.normalize():f}" if isinstance(value, Decimal) else f"{value}"
    )


@contextmanager
def progress(label: str) -> Iterator[Progress]:
    """Bars on a terminal, a plain line per entity where there is none (-v for all, else silence with --json)."""
    if sys.stderr.isatty() and not AS_JSON:
        with _bars(label) as report:
            yield report
    else:
        yield _lines(label)


@contextmanager
def working(label: str) -> Iterator[None]:
    """A sign of life on a terminal while something that reports nothing goes on."""
    if sys.stderr.isatty() and not AS_JSON:
        with console(on_stderr=True).status(label):
            yield
    else:
        yield


@contextmanager
def _bars(label: str) -> Iterator[Progress]:
    from rich.progress import Progress as Bars
    from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

    with Bars(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        TextColumn("{task.completed:>9,} records"),
        TimeElapsedColumn(),
        console=console(on_stderr=True),
        transient=True,
    ) as bars:
        task, at = bars.add_task(label), [""]

        def report(stage: str, entity: str, done: int) -> None:
            if at[0] != f"{stage} {entity}":
                at[0] = f"{stage} {entity}"
                bars.reset(task, description=f"{label}: {at[0]}")
            bars.update(task, completed=done)

        yield report


def _lines(label: str) -> Progress:
    def report(stage: str, entity: str, done: int) -> None:
        _LOG.info("%s: %s %s, %d records", label, stage, entity, done)

    return report


def say(sentence: str) -> None:
    """A line for people on stderr; nothing with --json."""
    if not AS_JSON:
        console(on_stderr=True).print(sentence, markup=False)


def error_document(error: BaseException) -> dict[str, Any]:
    """An error with stable keys."""
    if isinstance(error, SyncError):
        return {
            "class": type(error).__name__,
            "what": error.what,
            "whose": error.whose,
            "key": error.key,
            "todo": error.todo,
            "exit_code": error.exit_code,
        }
    return {
        "class": type(error).__name__,
        "what": "the engine failed in a way nobody foresaw",
        "whose": "",
        "key": "",
        "todo": "Run it again with -v.",
        "exit_code": 1,
    }


def complain(error: BaseException) -> None:
    """One sentence on stderr, the traceback with -v; with --json also a document on stdout."""
    if VERBOSE:
        import traceback

        traceback.print_exception(error)
    sentence = (
        str(error)
        if isinstance(error, SyncError)
        else f"The engine failed in a way nobody foresaw ({type(error).__name__}). Run it again with -v for the traceback."
    )
    console(on_stderr=True).print(f"Error: {sentence}", style="red", markup=False, soft_wrap=True)
    if AS_JSON:
        sys.stdout.write(json.dumps({"error": error_document(error)}, ensure_ascii=False, indent=2) + "\n")
