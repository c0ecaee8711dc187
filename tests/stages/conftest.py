"""Fixtures of the stage tests: a furnished company and a rig on it, or rigs on installations of one's choice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.stages.support import Rig, bench_of, rig_on

RigMaker = Callable[..., Rig]


@pytest.fixture
def rig(monkeypatch: pytest.MonkeyPatch, database: str, tmp_path: Path) -> Iterator[Rig]:
    """HANSEN & SØN's, eleven debtors, read by the custom API route; nothing pulled yet."""
    with rig_on(bench_of(monkeypatch), database, tmp_path / "lake") as made:
        yield made


@pytest.fixture
def make_rig(monkeypatch: pytest.MonkeyPatch, database: str, tmp_path: Path) -> Iterator[RigMaker]:
    """Makes a rig with keywords of the source's YAML; `world` and `installed` choose the company and its installation."""
    with ExitStack() as open_ones:

        def make(*, world: Any = None, installed: dict[str, Any] | None = None, **config: Any) -> Rig:
            bench = bench_of(monkeypatch, **({"world": world} if world else {}), **(installed or {}))
            return open_ones.enter_context(rig_on(bench, database, tmp_path / "lake", **config))

        yield make
