"""`init` and `schema`: a folder to begin with, and what editors check its YAMLs with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from sync_engine.cli.app import app, command
from sync_engine.cli.output import document, give


@command(app)
def init(
    folder: Annotated[Path, typer.Argument(help="The folder to make; new or empty.", show_default=False)],
) -> None:
    """Makes a project: source definitions with an example that runs, Dagster's settings, .env.example, schemas for editors."""
    from sync_engine.ops.sources.new_project import make_project

    written = make_project(folder)
    steps = [
        f"cd {folder}",
        "cp .env.example .env && set -a && . ./.env && set +a",
        "sync-engine run example",
        "dagster dev",
    ]
    give(
        {"folder": str(folder.absolute()), "files": written, "next": steps},
        lambda screen: screen.print("\n".join([*written, "", "Then:", *steps]), markup=False, soft_wrap=True),
    )


@command(app)
def schema(
    of: Annotated[
        Literal["source", "policy"], typer.Argument(help="The YAML that is meant.", show_default=False)
    ],
) -> None:
    """Prints the JSON Schema of a source's YAML, or of the policy's, for editors."""
    from sync_engine.ops.sources.yaml_schema import as_text

    document(as_text(of))
