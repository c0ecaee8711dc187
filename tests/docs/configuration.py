"""The page about the YAML, written from the models that read it: key, type, default, meaning."""

from __future__ import annotations

import json
import tomllib
import types
from collections.abc import Iterator
from enum import Enum
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import annotated_types
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from connectors.toolkit.settings import SecretRef
from sync_engine.config import SourceConfig
from sync_engine.ownership.policy import Policy

INTRO = """\
# Configuration

<!-- Written by `make docs` from the models that read the YAML. Do not edit: edit the models. -->

An installation is one file, `<folder>/<anything>/defs.yaml`. The folder is `dagster_project/defs`, or what `SYNC_ENGINE_DEFS`
names. Dagster and the command line read the same files the same way. A key that nobody reads is refused, so a typing error is
not silence. What is wrong is said by `sync-engine sources list` and by `sync-engine sources doctor SOURCE`. Editors say it while you type, with
the JSON Schema that `sync-engine schema source` and `sync-engine schema policy` print; `sync-engine init FOLDER` makes a project that has them.

* **required**: there is no default.
* A *secret* is never written into the file. Write where it is: `env:NAME` (a variable of the environment) or `file:/path` (a file with
  nothing else in it).
* `<name>` in a heading stands for a name you choose, or for one of those that the table lists.
"""

WITHOUT = "Without it the ERP is believed first, then the CRM, and a collections team about chasing. `sync-engine policy show` lists what holds."

ENVIRONMENT = {
    "SYNC_ENGINE_HOME": "What the engine keeps: PostgreSQL, the lake. Default: `.home` in the clone, or `~/.sync-engine` where it is installed as a package.",
    "SYNC_ENGINE_DATABASE_URL": "PostgreSQL 15 or newer to use instead of the engine's own. Then run `sync-engine migrate`.",
    "SYNC_ENGINE_LAKE": "Folder of the landed files, or an object store: `s3://`, `abfs://`, `gs://` need the extra `s3`, `azure`, `gcs`. "
    "Default: `lake` in the home folder.",
    "SYNC_ENGINE_ALERTS": "Where alerts go: webhooks (`https://...`) and addresses of apprise, with blanks between them. They may hold tokens.",
    "SYNC_ENGINE_DEFS": "Folder of the YAML files. Default: `dagster_project/defs`.",
    "SYNC_ENGINE_ENVIRONMENT": "`production` or `test`: only sources whose `environment` says the same are written to. Default: `production`.",
    "SYNC_ENGINE_POSTGRES_PORT": "Port of 127.0.0.1 on which the engine's own PostgreSQL listens too; roles need a password there.",
    "SYNC_ENGINE_DEMO_SECRET": "Client secret that the demo's simulator expects; the demo sets it itself.",
}
"""Variable -> what it says. None of them is read while a module is imported."""


PROJECT = Path(__file__).resolve().parents[2] / "pyproject.toml"


def page() -> str:
    """The whole page."""
    parts = [INTRO, "## Environment\n", _table(("variable", "what it says"), ENVIRONMENT.items())]
    parts += ["## ErpSource\n", "`type: dagster_project.components.ErpSource`. " + _doc(SourceConfig)]
    parts += list(_sections(SourceConfig, ""))
    parts += [
        "## CanonicalStore\n",
        "`type: dagster_project.components.CanonicalStore`. There is one at most. " + WITHOUT,
    ]
    parts += list(_sections(Policy, ""))
    for group, key in (("sync_engine.connectors", "connection"), ("sync_engine.mappings", "mapping")):
        for found in plugins(group):
            settings = found.load().settings
            parts += [f"## `{key}` of {found.name}\n", _doc(settings), *_sections(settings, key)]
    return "\n".join(part.rstrip() + "\n" for part in parts)


def plugins(group: str) -> list[EntryPoint]:
    """The plug-ins of a group, by name. Raises RuntimeError where the environment does not know all that pyproject.toml declares."""
    declared = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]["entry-points"][group]
    found = {plugin.name: plugin for plugin in entry_points(group=group)}
    if unknown := sorted(declared.keys() - found.keys()):
        raise RuntimeError(f"{group}: {', '.join(unknown)} is not installed here; run `make install-dev`")
    return [found[name] for name in sorted(declared)]


def models() -> Iterator[tuple[str, type[BaseModel]]]:
    """Every model a YAML is read by, with the key it is read under."""
    yield from _reached(SourceConfig, "ErpSource")
    yield from _reached(Policy, "CanonicalStore")
    for group, key in (("sync_engine.connectors", "connection"), ("sync_engine.mappings", "mapping")):
        for found in plugins(group):
            yield from _reached(found.load().settings, f"{found.name} {key}")


def _reached(model: type[BaseModel], path: str) -> Iterator[tuple[str, type[BaseModel]]]:
    yield path, model
    for name, info in model.model_fields.items():
        for suffix, inner in _models(info.annotation):
            yield from _reached(inner, f"{path}.{name}{suffix}")


def _sections(model: type[BaseModel], path: str) -> Iterator[str]:
    """The table of a model, then those of the models in it."""
    yield _table(
        ("key", "type", "default", "meaning"),
        (
            (f"`{name}`", kind(info), default(info), described(info))
            for name, info in model.model_fields.items()
        ),
    )
    for name, info in model.model_fields.items():
        for suffix, inner in _models(info.annotation):
            below = f"{path}.{name}{suffix}".lstrip(".")
            yield f"### `{below}`{_discriminated(inner)}\n"
            yield _doc(inner)
            yield from _sections(inner, below)


def described(info: FieldInfo) -> str:
    """What a key means: its own description, else what the model behind it says of itself."""
    if info.description:
        text = info.description.strip()
    elif get_origin(info.annotation) is Literal and len(get_args(info.annotation)) == 1:
        text = "says that this form is meant"
    else:
        inner = [m for _, m in _models(info.annotation)]
        text = _doc(inner[0]) if len(inner) == 1 else ""
    text = " ".join(text.split()).replace("|", "\\|")
    return text and text[0].upper() + text[1:] + ("" if text.endswith((".", ")")) else ".")


def default(info: FieldInfo) -> str:
    """What holds where the key is left out."""
    if info.is_required():
        return "**required**"
    value = info.get_default(call_default_factory=True)  # type: ignore[call-arg,unused-ignore]
    if value is None or value is PydanticUndefined:
        return "none"
    if isinstance(value, BaseModel):
        return "see there"
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, dict | tuple | list | frozenset) and not value:
        return "none"
    return f"`{json.dumps(list(value) if isinstance(value, tuple) else value)}`"


def kind(info: FieldInfo) -> str:
    """The type in words, with its limits."""
    said = _kind(info.annotation)
    low = next((m.ge for m in info.metadata if isinstance(m, annotated_types.Ge)), None)
    above = next((m.gt for m in info.metadata if isinstance(m, annotated_types.Gt)), None)
    high = next((m.le for m in info.metadata if isinstance(m, annotated_types.Le)), None)
    limits = [
        *([f"at least {low}"] if low is not None else []),
        *([f"above {above}"] if above is not None else []),
        *([f"at most {high}"] if high is not None else []),
    ]
    return ", ".join((said, *limits))


PLAIN = {str: "text", int: "whole number", float: "number", bool: "true or false", Any: "anything"}


def _kind(of: Any) -> str:
    if of in PLAIN:
        return PLAIN[of]
    if of is SecretRef:
        return "secret, by reference"
    origin, inner = get_origin(of), get_args(of)
    if origin is Annotated:
        return _kind(inner[0])
    if origin is Literal:
        return " or ".join(f"`{value}`" for value in inner)
    if origin in (Union, types.UnionType):
        said = list(dict.fromkeys(_kind(one) for one in inner if one is not type(None)))
        return " or ".join(said)
    if origin is dict:
        return "anything by name" if inner[1] is Any else f"{_kind(inner[0])} -> {_kind(inner[1])}"
    if origin in (list, tuple, frozenset, set):
        return f"list of {_kind(inner[0])}"
    if isinstance(of, type) and issubclass(of, BaseModel):
        return "keys below"
    return str(getattr(of, "__name__", of))


def _models(of: Any) -> list[tuple[str, type[BaseModel]]]:
    """The models in a type, each with what stands behind the key to reach it."""
    if isinstance(of, type) and issubclass(of, BaseModel):
        return [("", of)]
    origin, inner = get_origin(of), get_args(of)
    if origin is dict:
        return [(f".<name>{suffix}", model) for suffix, model in _models(inner[1])]
    if origin in (list, tuple):
        return [(f"[]{suffix}", model) for suffix, model in _models(inner[0])]
    if origin is Literal or not inner:
        return []
    if origin is Annotated:
        return _models(inner[0])
    return [found for one in inner for found in _models(one)]


def _discriminated(model: type[BaseModel]) -> str:
    """Which of several models it is, where a `kind` says so."""
    info = model.model_fields.get("kind")
    return (
        f", kind `{get_args(info.annotation)[0]}`" if info and get_origin(info.annotation) is Literal else ""
    )


def _doc(model: type[BaseModel]) -> str:
    return " ".join((model.__doc__ or "").split())


def _table(head: tuple[str, ...], rows: Any) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return (
        "\n".join(
            [
                *lines,
                *(
                    "| " + " | ".join(f"`{c}`" if c.startswith("SYNC_") else c for c in row) + " |"
                    for row in rows
                ),
            ]
        )
        + "\n"
    )
