"""Every command and option that a message, a docstring or the README names is there: advice that cannot be followed is worse than none."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import typer

import sync_engine.cli
from sync_engine.cli.app import app

ROOT = Path(__file__).resolve().parents[2]
for module in pkgutil.iter_modules(sync_engine.cli.__path__):
    importlib.import_module(f"sync_engine.cli.{module.name}")
TREE = typer.main.get_command(app)
NAMED = re.compile(r"sync-engine((?: [a-z][a-z-]*)+)([^`\n]*)")
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]+")
OF_OTHERS = frozenset((
    "--auth-host", "--auth-local", "--builtin-locale", "--code-server-log-level", "--customers", "--encoding", "--home-dir", "--host", "--locale-provider",
    "--log-level", "--module-name", "--no-create-home", "--no-locale", "--port", "--ready-file", "--require-hashes", "--scale", "--seed", "--shell",
    "--system", "--tls", "--user-group", "--username",
))  # fmt: skip
"""Options of the programs that the engine starts, and of `make bench`."""


def told() -> Iterator[tuple[str, str]]:
    """Every text in our sources, and every line of the README, with the place it stands in."""
    for folder in ("sync_engine", "dagster_project", "connectors", "mappings"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
            for node in ast.walk(tree):
                if id(node) in parts:
                    continue
                if isinstance(node, ast.JoinedStr):
                    text = "".join(str(v.value) if isinstance(v, ast.Constant) else "X" for v in node.values)
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    text = node.value
                else:
                    continue
                yield f"{path.relative_to(ROOT)}:{node.lineno}", text
    for number, line in enumerate((ROOT / "README.md").read_text(encoding="utf-8").splitlines(), 1):
        yield f"README.md:{number}", line


def command(words: list[str]) -> tuple[object, list[str]]:
    """The deepest command that these words lead to, and the words that are left."""
    found: object = TREE
    while words and words[0] in below(found):
        found, words = below(found)[words[0]], words[1:]
    return found, words


def below(of: object) -> Mapping[str, object]:
    """The commands of a group; a command has none."""
    return getattr(of, "commands", {})


def options(of: object) -> set[str]:
    """The options of one command."""
    return {opt for parameter in getattr(of, "params", ()) for opt in (*parameter.opts, *parameter.secondary_opts)} | {"--help", "--json", "--verbose", "-v"}


def everywhere(of: object) -> set[str]:
    """The options of a command and of all below it."""
    return options(of).union(*(everywhere(one) for one in below(of).values()))


def wrong(text: str) -> list[str]:
    """What a text names that is not there."""
    found = []
    for words, rest in NAMED.findall(text):
        at, left = command(words.split())
        if at is TREE or (below(at) and left):
            found.append(f"sync-engine{words}")
        found += [f"sync-engine{words} {option}" for option in OPTION.findall(rest) if option not in options(at) and "`" in text]
    return found + [option for option in OPTION.findall(text) if option not in everywhere(TREE) | OF_OTHERS]


def test_what_is_named_is_there() -> None:
    """In every sentence that a person may read."""
    assert [f"{place}: {name}" for place, text in told() for name in wrong(text)] == []


def test_waiting_is_advised_with_its_command() -> None:
    """Most commands cannot wait for a run: who is told to must be told by which command."""
    alone = [place for place, text in told() if not place.startswith("sync_engine/cli/") and re.search(r"(?<!`)--wait", NAMED.sub("", text))]
    assert alone == []


@pytest.mark.parametrize("text", [
    "Run `sync-engine lniks`.", "Run `sync-engine links aply HASH`.", "Run `sync-engine links link a b c --wait`.", "with --wiat",
])  # fmt: skip
def test_what_is_not_there_is_found(text: str) -> None:
    """The search can fail."""
    assert wrong(text)
