"""The port is asked by type, and the engine knows no product: what a connector can do is said by its methods, never by a name in a string."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.test_tree import ROOT, connectors

OF_CONNECTORS = re.compile(r"connector|plugin|normaliser|^settings$")
GENERAL = {"files", "sql"}
"""Connectors that are no product: words that an engine may need."""
OURS = [*sorted((ROOT / "sync_engine").rglob("*.py")), *sorted((ROOT / "dagster_project").rglob("*.py"))]
DEMONSTRATION = {ROOT / "sync_engine" / "ops" / "demo.py", ROOT / "sync_engine" / "cli" / "demo.py"}
"""The demonstration plays on a simulated Business Central, and says so."""


def guesses(tree: ast.AST) -> Iterator[int]:
    """Lines that ask a connector, plugin, normaliser or their settings for an attribute by its name in a string."""
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in ("getattr", "hasattr")
        ):
            asked = node.args[0]
            name = (
                asked.attr
                if isinstance(asked, ast.Attribute)
                else asked.id
                if isinstance(asked, ast.Name)
                else ""
            )
            if OF_CONNECTORS.search(name):
                yield node.lineno


def products(tree: ast.AST, names: set[str]) -> Iterator[str]:
    """Names of products in identifiers and in text that is no docstring, as `name line`."""
    docstrings = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        said, line = "", getattr(node, "lineno", 0)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            said = node.value
        elif isinstance(node, ast.Name | ast.FunctionDef | ast.ClassDef):
            said = node.id if isinstance(node, ast.Name) else node.name
        if "for example" not in said:
            yield from (
                f"{name} line {line}"
                for name in names
                if re.search(name.replace("_", r"[\W_]*"), said, re.IGNORECASE)
            )


@pytest.mark.parametrize("path", OURS, ids=lambda p: str(p.relative_to(ROOT)))
def test_nothing_is_guessed_of_a_connector(path: Path) -> None:
    """What is optional is a protocol in `sync_engine.ports`, asked for by isinstance."""
    assert list(guesses(ast.parse(path.read_text(encoding="utf-8")))) == []


@pytest.mark.parametrize(
    "path", [p for p in OURS if p not in DEMONSTRATION], ids=lambda p: str(p.relative_to(ROOT))
)
def test_the_engine_names_no_product(path: Path) -> None:
    """A key or a rule of one ERP belongs to its connector or its mapping."""
    found = products(ast.parse(path.read_text(encoding="utf-8")), set(connectors()) - GENERAL)
    assert list(found) == []


@pytest.mark.parametrize(
    "line", ["getattr(connector, 'x', None)", "hasattr(self.connector, 'x')", "getattr(settings, 'hints')"]
)
def test_a_guess_is_seen(line: str) -> None:
    """The rule bites."""
    assert list(guesses(ast.parse(line))) == [1]


@pytest.mark.parametrize(
    "line", ["BusinessCentral()", "x = 'business_central'", "def business_central_url(): ..."]
)
def test_a_product_is_seen(line: str) -> None:
    """The rule bites."""
    assert len(list(products(ast.parse(line), {"business_central"}))) == 1
