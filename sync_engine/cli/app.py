"""The application: its groups of commands, the options every command takes, and what its exit codes mean."""

from __future__ import annotations

import atexit
import gc
import inspect
import os
import sys
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Annotated, NoReturn, get_type_hints

import typer

from sync_engine.cli import output
from sync_engine.cli.context import AT_THE_END
from sync_engine.errors import SyncError

EXIT_CODES = """
Exit codes: 0 all is well · 1 something nobody foresaw, or a check that does not hold · 2 a setting is wrong, a person must correct it ·
3 a source cannot be read · 4 a login was refused or lacks a permission · 5 the database or the lake failed · 6 the run ended, but
partial or held, or (status --check) something waits for a person · 75 try again later, nothing was lost
"""


HTTPX_SCREEN = "httpx._main"
"""The command line that httpx brings along: where its packages happen to be installed, it takes 80 ms of every start. httpx does without."""
NO_PYDANTIC_PLUGINS = ("PYDANTIC_DISABLE_PLUGINS", "__all__")
"""Pydantic looks into every installed package for plug-ins of its own, of which the engine uses none; who sets it otherwise is heard."""
DUCKDB = "_duckdb"
JSON_WANTED = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
VERBOSE_WANTED = Annotated[
    bool, typer.Option("--verbose", "-v", help="Log what happens; tracebacks of errors.")
]
Function = Callable[..., None]


def command(group: typer.Typer, name: str | None = None) -> Callable[[Function], Function]:
    """Registers a command that takes --json and -v, whatever else it takes."""

    def register(function: Function) -> Function:
        @wraps(function)
        def with_options(*args: object, as_json: bool, verbose: bool, **kwargs: object) -> None:
            output.choose(as_json=as_json, verbose=verbose)
            function(*args, **kwargs)

        hints = get_type_hints(function, include_extras=True) | {
            "as_json": JSON_WANTED,
            "verbose": VERBOSE_WANTED,
        }
        own = [p.replace(annotation=hints[p.name]) for p in inspect.signature(function).parameters.values()]
        added = [
            inspect.Parameter(n, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=hints[n])
            for n in ("as_json", "verbose")
        ]
        with_options.__signature__ = inspect.Signature([*own, *added], return_annotation=None)  # type: ignore[attr-defined]
        with_options.__annotations__ = hints
        group.command(name)(with_options)
        return function

    return register


def group(help_text: str) -> typer.Typer:
    """A group of commands that says what it has when asked for nothing."""
    return typer.Typer(
        help=help_text,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
        add_completion=False,
    )


app = group("")


def version_wanted(value: bool) -> None:
    """Prints the version and ends."""
    if value:
        from importlib.metadata import version

        typer.echo(f"sync-engine {version('sync-engine')}")
        raise typer.Exit


@app.callback(epilog=" ".join(EXIT_CODES.split()))
def options(
    version: bool = typer.Option(
        False, "--version", is_eager=True, callback=version_wanted, help="The version."
    ),
) -> None:
    """Keeps a collections team's data true: ERPs in, one canonical PostgreSQL store out, a declared master for every field."""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Runs the command line and ends the process with its exit code."""
    os.environ.setdefault(*NO_PYDANTIC_PLUGINS)
    gc.disable()  # what start-up makes stays; looking for cycles in it costs a tenth of it. Whoever opens the store turns it on again
    atexit.register(_leave_as_it_is)
    given = list(sys.argv[1:] if arguments is None else arguments)
    _load(given)
    output.choose(as_json=False, verbose=False)
    try:
        app(given, prog_name="sync-engine")
    except SyncError as error:
        output.complain(error)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        output.say("Stopped. What was committed stays; the next run continues behind it.")
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
    except Exception as error:  # noqa: BLE001 - the last resort: a sentence, not a traceback
        output.complain(error)
        sys.exit(1)
    finally:
        AT_THE_END.close()
        gc.unfreeze()
        gc.enable()
    sys.exit(0)


def _leave_as_it_is() -> None:
    """At the end the system takes all memory back at once; to take it apart before costs a tenth of a small run.

    DuckDB counts what is left at the end, and complains of leaks: where it was used, everything is taken apart.
    """
    if DUCKDB not in sys.modules:
        gc.freeze()


def _load(arguments: Sequence[str]) -> None:
    """The command modules register themselves; they import nothing heavy. What is run every few minutes waits for no other."""
    from sync_engine.cli import run

    if arguments[:1] == [run.run.__name__]:
        sys.modules.setdefault(HTTPX_SCREEN, None)  # type: ignore[arg-type] # this is how Python is told that a module is not there
        return
    from sync_engine.cli import (  # noqa: F401 - importing registers
        access,
        alerts,
        database,
        demo,
        erase,
        explain,
        groups,
        imports,
        lake,
        link_queries,
        links,
        outbox,
        policy,
        project,
        quarantine,
        sources,
        status,
        webhooks,
    )
