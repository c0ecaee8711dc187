"""Temporary tables that modules share are declared, and who fills and who reads each is as declared."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import sync_engine
from sync_engine.store.temporary import SHARED

ROOT = Path(str(sync_engine.__file__)).parent
DECLARED = {table.name: table for table in SHARED}
MADE = re.compile(r"CREATE TEMP(?:ORARY)? TABLE (?:IF NOT EXISTS )?(\w+)(?![\w{])")
COPIED = ("copy_rows", "copy_wanted")


@cache
def texts() -> dict[str, tuple[list[str], set[str]]]:
    """Module -> the texts in it that are no docstrings, and the tables it copies rows into or makes by their declaration."""
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        if module == "store.temporary":
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        told = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        said: list[str] = []
        filled: set[str] = set()
        parts: set[int] = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.JoinedStr):
                parts |= {id(part) for part in node.values}
                said.append("".join(p.value if isinstance(p, ast.Constant) else "{}" for p in node.values))  # type: ignore[misc]
            elif (
                isinstance(node, ast.Constant)
                and isinstance(node.value, str)
                and not {id(node)} & (told | parts)
            ):
                said.append(node.value)
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in COPIED:
                filled |= {
                    a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)
                }
            elif (
                isinstance(node, ast.Attribute)
                and isinstance(node.value, ast.Name)
                and node.attr.startswith("create")
            ):
                filled.add(node.value.id.lower())
        found[module] = (said, filled)
    return found


def naming(table: str) -> set[str]:
    """The modules whose SQL names it."""
    return {
        module
        for module, (said, filled) in texts().items()
        if table in filled or any(re.search(rf"\b{table}\b(?!\.py)", text) for text in said)
    }


def filling(table: str) -> set[str]:
    """The modules that make it or write into it."""
    writes = re.compile(
        rf"\b(?:INSERT INTO|UPDATE|DELETE FROM|ALTER TABLE|TABLE IF NOT EXISTS|TEMP TABLE) {table}\b"
    )
    return {
        module
        for module, (said, filled) in texts().items()
        if table in filled or any(writes.search(text) for text in said)
    }


def test_a_table_that_several_modules_name_is_declared() -> None:
    """What a module makes for itself, no other one names."""
    makers: dict[str, set[str]] = {}
    for module, (said, _) in texts().items():
        for name in (name for text in said for name in MADE.findall(text)):
            makers.setdefault(name, set()).add(module)
    assert len(makers) > 40
    assert {name: naming(name) for name in makers if len(naming(name)) > 1} == {}
    assert set(makers) & set(DECLARED) == set()


def test_who_fills_and_who_reads_is_as_declared() -> None:
    """Each module that names a shared table is in its declaration, and no other."""
    found = {name: (filling(name), naming(name) - filling(name)) for name in DECLARED}
    assert found == {name: (set(table.filled_by), set(table.read_by)) for name, table in DECLARED.items()}


def test_a_shared_table_is_shared() -> None:
    """A table of one module alone is not declared here."""
    assert [t.name for t in SHARED if len({*t.filled_by, *t.read_by}) < 2] == []
    assert len(DECLARED) == len(SHARED) >= 20
