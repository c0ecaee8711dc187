"""What a command prints: tables for people, one JSON document with --json, progress on long work, errors as one sentence."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TextIO
from uuid import UUID

from sync_engine.errors import SyncError
from sync_engine.platform.outside_text import for_json, for_one_line, for_terminal

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table as RichTable

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


class _LogLine(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return for_terminal(super().format(record))


def choose(*, as_json: bool, verbose: bool) -> None:
    """Takes the options every command has; one process is one command."""
    global AS_JSON, VERBOSE
    AS_JSON, VERBOSE = as_json, verbose
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_LogLine("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO if VERBOSE else logging.WARNING, handlers=[handler], force=True)
    for noisy in ("httpx", "httpcore", "alembic"):
        logging.getLogger(noisy).setLevel(logging.WARNING)  # they log URLs


def console(*, on_stderr: bool = False) -> Console:
    """A console as wide as the terminal, and wide enough for a table where there is none. Only a terminal needs it: rich takes its time to load."""
    from sync_engine.cli.terminal import Terminal

    stream = sys.stderr if on_stderr else sys.stdout
    return Terminal(
        file=stream, width=None if stream.isatty() else 150, highlight=False, soft_wrap=False, emoji=False
    )


class Plain:
    """What commands use of a console, for logs and pipes: every line whole, without colours, and without what only a terminal needs."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def print(self, *told: object, **_: object) -> None:
        """Writes one line, or a table; style and wrapping are a terminal's."""
        self._stream.write(for_terminal(" ".join(map(str, told))) + "\n")
        self._stream.flush()


def screen(*, on_stderr: bool = False) -> Any:
    """Where a command prints: a `Console` on a terminal, else a `Plain`."""
    stream = sys.stderr if on_stderr else sys.stdout
    return console(on_stderr=on_stderr) if stream.isatty() else Plain(stream)


def give(answer: Any, render: Callable[[Any], None]) -> None:
    """Prints an answer: as JSON when asked for, else as `render` draws it on a `screen`."""
    if AS_JSON:
        sys.stdout.write(_document(plain(answer)))
    else:
        render(screen())


def document(text: str) -> None:
    """Prints a document of the engine's own, as it is; what came from a source never passes here."""
    sys.stdout.write(text)


def _document(value: Any) -> str:
    return for_json(json.dumps(value, ensure_ascii=False, indent=2)) + "\n"


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


@dataclass(frozen=True)
class Table:
    """A table of cells as people read them; `right` names the columns of figures."""

    title: str | None
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    right: frozenset[str] = frozenset()
    nothing: str = "none"

    def __str__(self) -> str:
        """As plain text: a column is as wide as its widest cell."""
        widths = [max(map(len, column)) for column in zip(self.columns, *self.rows, strict=True)]
        head, *body = (self._line(row, widths) for row in (self.columns, *self.rows))
        rule = "─" * (sum(widths) + 2 * (len(widths) - 1))
        return "\n".join(
            [*([self.title] if self.title else []), "", head, rule, *(body or [self.nothing]), ""]
        )

    def _line(self, cells: Sequence[str], widths: Sequence[int]) -> str:
        placed = (
            cell.rjust(width) if name in self.right else cell.ljust(width)
            for name, cell, width in zip(self.columns, cells, widths, strict=True)
        )
        return "  ".join(placed).rstrip()

    def __rich__(self) -> RichTable:
        """As a terminal shows it; words that judge are coloured."""
        from rich import box
        from rich.table import Table as Drawn
        from rich.text import Text

        drawn = Drawn(
            title=self.title,
            box=box.SIMPLE_HEAD,
            title_justify="left",
            title_style="bold",
            pad_edge=False,
            caption=None if self.rows else self.nothing,
            caption_justify="left",
        )
        for name in self.columns:
            drawn.add_column(name, justify="right" if name in self.right else "left", overflow="fold")
        for row in self.rows:
            drawn.add_row(*(Text(cell, style=STYLES.get(cell, "")) for cell in row))
        return drawn


def table(
    title: str | None,
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    right: Sequence[str] = (),
    nothing: str = "none",
) -> Table:
    """A table of values; `right` names the columns of figures, `nothing` is said where there is no row."""
    body = [[cell(value) for value in row] for row in rows]
    return Table(title, columns, body, frozenset(right), nothing)


def cell(value: Any) -> str:
    """A value as people read it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else ""
    if isinstance(value, Decimal):
        return f"{value:,.2f}"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
    return for_one_line(str(value))


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
        screen(on_stderr=True).print(sentence, markup=False)


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
    screen(on_stderr=True).print(f"Error: {sentence}", style="red", markup=False, soft_wrap=True)
    if AS_JSON:
        sys.stdout.write(_document({"error": error_document(error)}))
