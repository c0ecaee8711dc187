"""No test skips in silence: where CI is set, only absent optional data excuses one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("statement", "is_ci", "outcome"),
    [
        pytest.param("pytest.skip('no time today')", True, "1 failed", id="an excuse"),
        pytest.param(
            "pytest.skip('optional data: the real receivables')", True, "1 skipped", id="optional data"
        ),
        pytest.param("pytest.skip('no time today')", False, "1 skipped", id="at one's own desk"),
        pytest.param("pytest.xfail('known')", True, "1 xfailed", id="an expected failure is no skip"),
    ],
)
def test_a_skip_needs_an_excuse(tmp_path: Path, statement: str, is_ci: bool, outcome: str) -> None:
    """The rule fails the run for an excuse and lets missing data pass."""
    assert outcome in closing_line(tmp_path, f"import pytest\n\ndef test_it():\n    {statement}\n", is_ci)


def test_a_module_that_skips_itself_is_no_exception(tmp_path: Path) -> None:
    """Skipping while being collected would hide every test of a module."""
    assert "1 error" in closing_line(
        tmp_path, "import pytest\npytest.skip('not here', allow_module_level=True)\n", is_ci=True
    )


def closing_line(folder: Path, source: str, is_ci: bool) -> str:
    """Runs one test file under our conftest and returns pytest's last line."""
    (folder / "test_one.py").write_text(source, encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in ("CI", "PYTEST_ADDOPTS") and not name.startswith("PYTEST_XDIST")
    }
    said = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "tests.conftest", "-p", "no:cacheprovider", "-c", folder / "pytest.ini", folder],
        cwd=folder, env={**environment, "PYTHONPATH": str(ROOT)} | ({"CI": "1"} if is_ci else {}), capture_output=True, text=True, check=False,
    )  # fmt: skip
    return said.stdout.strip().splitlines()[-1]
