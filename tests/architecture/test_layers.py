"""The layers hold, and each rule about them catches a violation planted on purpose."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("sync_engine", "connectors", "mappings", "dagster_project", "migrations")


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    """Runs import-linter on the packages in `folder`."""
    tool = Path(sys.executable).parent / "lint-imports"
    return subprocess.run(
        [tool, "--no-cache"],
        cwd=folder,
        env={"PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The packages and the contracts, where a test may break them."""
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_layers_hold() -> None:
    """Every contract of pyproject.toml is kept."""
    said = lint_imports(ROOT)
    assert said.returncode == 0, said.stdout


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        pytest.param(
            "sync_engine/utils.py", '"""Odds and ends."""', "inside the engine", id="a module without a place"
        ),
        pytest.param(
            "sync_engine/ownership/resolve.py",
            "import sync_engine.store",
            "inside the engine",
            id="the domain reaches up",
        ),
        pytest.param(
            "sync_engine/ownership/resolve.py",
            "import sqlalchemy",
            "the domain and the mappings",
            id="SQL in the domain",
        ),
        pytest.param(
            "mappings/business_central.py",
            "import httpx",
            "the domain and the mappings",
            id="a mapping that asks the ERP",
        ),
        pytest.param(
            "mappings/business_central.py",
            "import connectors",
            "dagster_project above",
            id="a mapping that knows its connector",
        ),
        pytest.param(
            "sync_engine/store/claims/quarantine.py",
            "import sync_engine.store.controls",
            "inside the store",
            id="a stage knows what comes after it",
        ),
        pytest.param(
            "sync_engine/ops/runs/replay.py",
            "import sync_engine.ops.decisions",
            "inside ops",
            id="running knows deciding",
        ),
        pytest.param(
            "sync_engine/lake.py", "import httpx", "only connectors speak", id="the lake on the network"
        ),
        pytest.param(
            "sync_engine/lake.py", "import dagster", "only dagster_project", id="Dagster in the engine"
        ),
        pytest.param(
            "connectors/toolkit/__init__.py",
            "import connectors.business_central",
            "connectors do not",
            id="the toolkit knows an ERP",
        ),
        pytest.param(
            "connectors/files/reading.py",
            "import connectors.business_central.settings",
            "connectors do not",
            id="a connector knows another",
        ),
        pytest.param(
            "connectors/toolkit/http/errors.py",
            "import connectors.toolkit.auth.tokens",
            "inside the toolkit and each connector",
            id="the toolkit goes in a circle",
        ),
        pytest.param(
            "connectors/business_central/discovery.py",
            "import connectors.business_central.installation",
            "inside the toolkit and each connector",
            id="a connector goes in a circle",
        ),
    ],
)
def test_a_violation_is_caught(copy: Path, module: str, line: str, contract: str) -> None:
    """One line in one module breaks the rule it breaks, by name."""
    with (copy / module).open("a", encoding="utf-8") as source:
        source.write(f"\n{line}\n")
    said = lint_imports(copy)
    broken = [shown for shown in said.stdout.splitlines() if " BROKEN" in shown]
    assert said.returncode != 0
    assert any(shown.startswith(contract) for shown in broken), said.stdout
