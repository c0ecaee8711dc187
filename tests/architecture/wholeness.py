"""When a connector is whole: what has to stand beside it, each piece its own and none of them empty."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path


def owed(root: Path, connector: str) -> list[str]:
    """What is missing for a connector of the tree at `root`; nothing when it is whole."""
    tests = root / "tests"
    pieces = {
        "a connector": any(map(_defines, _modules(root / "connectors" / connector))),
        "a mapping": any(map(_defines, _modules(root / "mappings" / connector))),
        "a simulator": any(map(_defines, _modules(tests / "simulators" / connector))),
        "tests of the connector": any(map(_tests, _modules(tests / "connectors" / connector, "test_*.py"))),
        "golden cases": any(_golden(tests / "mappings" / "golden" / connector)),
        "an entry point of the connector": connector in _entry_points(root, "connectors"),
        "an entry point of the mapping": connector in _entry_points(root, "mappings"),
    }
    return [what for what, is_there in pieces.items() if not is_there]


def _modules(folder: Path, pattern: str = "*.py") -> Iterator[ast.Module]:
    for path in sorted(folder.rglob(pattern)):
        yield ast.parse(path.read_text(encoding="utf-8"))


def _defines(module: ast.Module) -> bool:
    """Whether a module is more than a docstring and imports."""
    return any(isinstance(node, ast.FunctionDef | ast.ClassDef) for node in module.body)


def _tests(module: ast.Module) -> bool:
    """Whether a module has a test, written as a function or made by one: `test_mine = contract(stage)`."""
    names = [node.name for node in module.body if isinstance(node, ast.FunctionDef)]
    made = [target for node in module.body if isinstance(node, ast.Assign) for target in node.targets]
    names += [target.id for target in made if isinstance(target, ast.Name)]
    return any(name.startswith("test_") for name in names)


def _golden(folder: Path) -> Iterator[Path]:
    """Cases: a payload with what becomes of it beside it, or, for declared mappings, both in one YAML."""
    yield from folder.rglob("*.expected.json")
    yield from folder.rglob("*.yaml")


def _entry_points(root: Path, group: str) -> dict[str, str]:
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    found: dict[str, str] = project["entry-points"][f"sync_engine.{group}"]
    return found
