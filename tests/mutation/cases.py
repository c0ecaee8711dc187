"""The tests of a pure module called as what they are, plain functions: a start of pytest costs more than all of them together."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from functools import partial
from itertools import product
from typing import Any

import pytest

ROW = type(pytest.param())


def cases(module: str) -> Iterator[Callable[[], None]]:
    """Every test of a module of tests, once for each row of its parameters. One that wants a fixture fails: a pure core needs none."""
    for name, test in vars(importlib.import_module(module)).items():
        if name.startswith("test_"):
            yield from (partial(test, **given) for given in _given(test))


def _given(test: Callable[..., None]) -> Iterator[dict[str, Any]]:
    for rows in product(*(_rows(mark) for mark in getattr(test, "pytestmark", ()))):
        yield {name: value for row in rows for name, value in row.items()}


def _rows(mark: pytest.Mark) -> list[dict[str, Any]]:
    if mark.name != "parametrize":
        raise ValueError(
            f"a test of the pure core is marked {mark.name}, and only parametrize is understood here"
        )
    names, rows = mark.args
    listed = [name.strip() for name in names.split(",")] if isinstance(names, str) else names
    values = [row.values if isinstance(row, ROW) else row if len(listed) > 1 else (row,) for row in rows]
    return [dict(zip(listed, row, strict=True)) for row in values]
