"""A project of one's own: made once, never over another, complete, and it runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from sync_engine.cli import main

ROOT = Path(__file__).resolve().parents[2]
EXPECTED = {
    ".env.example", ".gitignore", "README.md", "dagster.yaml", "pyproject.toml", "data/debtors.csv", "data/open_items.csv",
    "defs/canonical_store/defs.yaml", "defs/example/defs.yaml", "schemas/policy.schema.json", "schemas/source.schema.json",
}  # fmt: skip


def run(*arguments: str) -> int:
    """Exit code of a command."""
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    return int(ended.value.code or 0)


def test_a_project_is_complete_and_runs(
    home: Path,
    database: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Its own first commands work: the doctor is content, the example is published, and Dagster loads it."""
    folder = tmp_path / "my-project"
    assert run("init", str(folder)) == 0
    assert {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()} == EXPECTED
    environment = dict(
        line.split("=", 1)
        for line in (folder / ".env.example").read_text().splitlines()
        if line and not line.startswith("#")
    )
    assert environment["SYNC_ENGINE_DEFS"] == str(folder / "defs")
    assert environment["DAGSTER_HOME"] == str(folder)
    monkeypatch.setenv("SYNC_ENGINE_DEFS", environment["SYNC_ENGINE_DEFS"])
    monkeypatch.chdir(folder)
    assert run("sources", "doctor", "example") == 0
    assert run("run", "example") == 0
    capsys.readouterr()
    assert run("sql", "--json", "SELECT number FROM canonical.debtor ORDER BY 1") == 0
    assert [row[0] for row in yaml.safe_load(capsys.readouterr().out)["rows"]] == ["10010", "10020", "10030"]
    from dagster_project.definitions import load

    assert load(folder / "defs").resolve_job_def("example_lane").name == "example_lane"


def test_nothing_is_written_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder with anything in it is refused, and stays as it was."""
    (tmp_path / "mine").write_text("mine")
    assert run("init", str(tmp_path)) == 2
    assert "not empty" in capsys.readouterr().err
    assert [p.name for p in tmp_path.iterdir()] == ["mine"]


@pytest.mark.slow
def test_the_wheel_makes_a_project_outside_the_repository(tmp_path: Path) -> None:
    """Built, unpacked, and run with nothing of the clone on the path: the templates and migrations are in it."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    site = tmp_path / "site"
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "install",
            "-q",
            "--no-deps",
            "--no-index",
            "--target",
            str(site),
            str(wheel),
        ],
        check=True,
        capture_output=True,
    )
    told = subprocess.run(
        [
            sys.executable,
            "-P",
            "-c",
            "import sync_engine; print(sync_engine.__file__); from sync_engine.cli import main; main(['init', 'mine'])",
        ],
        cwd=tmp_path,
        env={"PYTHONPATH": str(site), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert told.startswith(str(site))
    made = tmp_path / "mine"
    assert {str(p.relative_to(made)) for p in made.rglob("*") if p.is_file()} == EXPECTED
