"""`make new-connector`: the skeleton passes every check, is not whole, and is whole once it is filled."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.test_tree import ROOT, committed
from tests.architecture.wholeness import owed
from tests.scaffold.__main__ import PLACES, with_entry_points, write_skeleton

NAME = "mine_and_yours"
LATER = {"a simulator", "golden cases"}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of this repository."""
    for path in committed():
        place = tmp_path / path.relative_to(ROOT)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, place)
    return tmp_path


def run(tree: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """A command of the development environment inside the copy."""
    environment = {**os.environ, "PYTHONPATH": str(tree)}
    program = [str(Path(sys.executable).with_name(command[0])), *command[1:]]
    return subprocess.run(program, cwd=tree, env=environment, capture_output=True, text=True, check=False)


def files(name: str) -> list[str]:
    """The Python packages of a connector."""
    folders = {
        str(Path(place.format(name=name)).parent) for place in PLACES.values() if place.endswith(".py")
    }
    return sorted(folders)


@pytest.mark.slow
def test_a_skeleton_passes_the_checks_and_is_not_whole(tree: Path) -> None:
    """Format, lint, layers and types; what is owed is named, and nothing is when it is filled."""
    made = run(tree, "python", "-m", "tests.scaffold", NAME)
    assert made.returncode == 0, made.stderr
    for check in (
        ("ruff", "format", "--check", "."),
        ("ruff", "check", "--no-cache", "."),
        ("lint-imports", "--no-cache"),
        ("mypy", *files(NAME), "--cache-dir", str(tree / ".mypy_cache")),
    ):
        done = run(tree, *check)
        assert done.returncode == 0, f"{check[0]}: {done.stdout}{done.stderr}"
    assert set(owed(tree, NAME)) == LATER
    (tree / "tests/simulators" / NAME / "__init__.py").write_text(
        '"""It."""\n\n\nclass Server:\n    """Answers."""\n'
    )
    case = tree / "tests/mappings/golden" / NAME / "customers" / "one.expected.json"
    case.parent.mkdir()
    case.write_text("{}\n")
    assert owed(tree, NAME) == []


@pytest.mark.parametrize("name", ["a", "zuora_of_a_sister_company_1234"])
def test_any_name_gives_tidy_files(tree: Path, name: str) -> None:
    """Short or long, first or last among the imports."""
    write_skeleton(tree, name)
    for check in (("ruff", "format", "--check"), ("ruff", "check", "--no-cache")):
        done = run(tree, *check, *files(name))
        assert done.returncode == 0, f"{check[0]}: {done.stdout}{done.stderr}"


PIECES = (
    ("a connector", "connectors/example_billing"),
    ("a mapping", "mappings/example_billing"),
    ("a simulator", "tests/simulators/example_billing"),
    ("tests of the connector", "tests/connectors/example_billing"),
    ("golden cases", "tests/mappings/golden/example_billing"),
)


@pytest.mark.parametrize(("piece", "place"), PIECES, ids=[piece for piece, _ in PIECES])
def test_no_connector_stands_on_the_tests_of_another(tree: Path, piece: str, place: str) -> None:
    """Emptied of one of its own pieces, a whole connector owes that one."""
    assert owed(tree, "example_billing") == []
    shutil.rmtree(tree / place)
    (tree / place).mkdir()
    (tree / place / "__init__.py").write_text('"""Nothing."""\n')
    assert owed(tree, "example_billing") == [piece]


@pytest.mark.parametrize("name", ["Bad", "1st", "a__b", "a-b", "", "a" * 31, "toolkit", "files"])
def test_a_name_that_will_not_do_writes_nothing(tree: Path, name: str) -> None:
    """Refused with a sentence, before anything is written."""
    before = {path: path.read_bytes() for path in tree.rglob("*") if path.is_file()}
    with pytest.raises(ValueError, match=r"will not do|is there already"):
        write_skeleton(tree, name)
    assert {path: path.read_bytes() for path in tree.rglob("*") if path.is_file()} == before


def test_entry_points_stay_sorted_and_whole() -> None:
    """Both tables get the name, and lose none."""
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    grown = with_entry_points(project, "zebra")
    assert len(grown.splitlines()) == len(project.splitlines()) + 2
    assert 'zebra = "connectors.zebra:plugin"' in grown
    assert 'zebra = "mappings.zebra:plugin"' in grown
    assert [line for line in grown.splitlines() if "zebra" not in line] == project.splitlines()
