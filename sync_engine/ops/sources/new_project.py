"""A folder to begin with: source definitions, Dagster's settings, what the environment says, schemas for editors, an example that runs."""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from sync_engine.errors import ConfigurationError
from sync_engine.ops.sources.yaml_schema import as_text

TEMPLATES = "project_files"
DOTTED = {"env.example": ".env.example", "gitignore": ".gitignore"}
"""Files that are packaged under a name that no tool overlooks."""


def make_project(folder: Path) -> list[str]:
    """Writes a project into a folder that is new or empty; the files that were written, relative to it.

    Raises ConfigurationError where something is there already: nothing is ever written over.
    """
    folder = folder.expanduser().absolute()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigurationError(
            f"{folder} is there already and not empty", todo="Name a folder that is new or empty."
        )
    written = {
        DOTTED.get(name, name): text.replace("{folder}", str(folder)) if name in DOTTED else text
        for name, text in _texts(files("sync_engine.ops.sources").joinpath(TEMPLATES), "")
    }
    packaged = files("dagster_project")
    written["dagster.yaml"] = packaged.joinpath("dagster.yaml").read_text(encoding="utf-8")
    policy = packaged.joinpath("defs/canonical_store/defs.yaml").read_text(encoding="utf-8")
    written["defs/canonical_store/defs.yaml"] = (
        f"# yaml-language-server: $schema=../../schemas/policy.schema.json\n#\n{policy}"
    )
    written["schemas/source.schema.json"] = as_text("source")
    written["schemas/policy.schema.json"] = as_text("policy")
    try:
        for name, text in written.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(
            f"the project cannot be written ({error.strerror})",
            whose=str(folder),
            todo="Name a folder you may write to.",
        ) from error
    return sorted(written)


def _texts(place: Traversable, below: str) -> list[tuple[str, str]]:
    found = []
    for entry in place.iterdir():
        if entry.is_dir():
            found += _texts(entry, f"{below}{entry.name}/")
        else:
            found.append((f"{below}{entry.name}", entry.read_text(encoding="utf-8")))
    return found
