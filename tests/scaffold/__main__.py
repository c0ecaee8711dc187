"""`make new-connector NAME=x`: writes the skeleton of connector x into this tree. It passes `make check` and is not whole yet."""

from __future__ import annotations

import re
import sys
from itertools import groupby
from pathlib import Path
from string import Template

TEMPLATES = Path(__file__).parent / "templates"
NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
LONGEST = 30
PLACES = {
    "connector_init": "connectors/{name}/__init__.py",
    "connector": "connectors/{name}/connector.py",
    "settings": "connectors/{name}/settings.py",
    "mapping": "mappings/{name}/__init__.py",
    "simulator": "tests/simulators/{name}/__init__.py",
    "tests_init": "tests/connectors/{name}/__init__.py",
    "stage": "tests/connectors/{name}/stage.py",
    "test_contract": "tests/connectors/{name}/test_contract.py",
    "golden": "tests/mappings/golden/{name}/README.md",
}
"""Template -> where it goes."""
GROUPS = ("connectors", "mappings")


def write_skeleton(root: Path, name: str) -> list[Path]:
    """Writes the files and the entry points; returns the files. Raises ValueError for a name that will not do or is taken."""
    if not NAME.fullmatch(name) or len(name) > LONGEST or name == "toolkit":
        what = f"at most {LONGEST} lower case letters, digits and single underscores, a letter first"
        raise ValueError(f"{name!r} will not do: {what}")
    places = {template: root / place.format(name=name) for template, place in PLACES.items()}
    if taken := [path for path in places.values() if path.exists()]:
        raise ValueError(f"{taken[0].relative_to(root)} is there already")
    words = {"name": name, "Name": name.title().replace("_", ""), "title": name.replace("_", " ").title()}
    for template, path in places.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        text = Template((TEMPLATES / f"{template}.txt").read_text(encoding="utf-8"))
        path.write_text(with_sorted_imports(text.substitute(words)), encoding="utf-8")
    project = root / "pyproject.toml"
    project.write_text(with_entry_points(project.read_text(encoding="utf-8"), name), encoding="utf-8")
    return list(places.values())


def with_sorted_imports(code: str) -> str:
    """The same text with every run of `from` imports in order: where the new name stands among them depends on the name."""
    runs = groupby(code.splitlines(keepends=True), key=lambda line: line.startswith("from "))
    return "".join("".join(sorted(run) if imports else run) for imports, run in runs)


def with_entry_points(project: str, name: str) -> str:
    """The text of a pyproject.toml with both plug-ins in it."""
    for group in GROUPS:
        heading = f'[project.entry-points."sync_engine.{group}"]\n'
        before, found, behind = project.partition(heading)
        if not found:
            raise ValueError(f"pyproject.toml has no table {heading.strip()}")
        lines, blank, rest = behind.partition("\n\n")
        entries = sorted([*lines.splitlines(), f'{name} = "{group}.{name}:plugin"'])
        project = before + heading + "\n".join(entries) + blank + rest
    return project


def main() -> int:
    """Says what was written, or why nothing was."""
    given = sys.argv[1:]
    if len(given) != 1:
        sys.stderr.write("Say what it is called: make new-connector NAME=my_erp\n")
        return 2
    root = Path.cwd()
    try:
        written = write_skeleton(root, given[0])
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    for path in written:
        sys.stdout.write(f"{path.relative_to(root)}\n")
    sys.stdout.write("pyproject.toml names both plug-ins. Go on with docs/write-a-connector.md.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
