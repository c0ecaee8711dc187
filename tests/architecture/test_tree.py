"""Names that say something, files that fit one head, nothing committed that belongs to a machine, no ERP half done."""

from __future__ import annotations

import os
import re
import subprocess
import tomllib
import warnings
from pathlib import Path

import pytest

from tests.architecture.wholeness import owed

ROOT = Path(__file__).resolve().parents[2]
TOP_LEVEL = {
    "pyproject.toml", "sync_engine", "connectors", "mappings", "dagster_project", "migrations", "tests", "README.md",
    "Makefile", "requirements.lock", "requirements-dev.lock", "CHANGELOG.md", "LICENSE", "CONTRIBUTING.md", "docs", "findings",
}  # fmt: skip
SAYS_NOTHING = re.compile(
    r"(utils?|helpers?|common|base|managers?|misc|shared)(_.*)?|.*_(utils?|helpers?|base|managers?)"
)
LONG, TOO_LONG = 350, 400

# Written with brackets, so that these lines do not find themselves.
OF_A_MACHINE = [
    re.compile(r"(?<![\w.~}-])/(wor[k]|roo[t]|User[s])/\w"),
    re.compile(r"(?<![\w.~}:-])/hom[e]/(?!you\b|user\b)\w"),
    re.compile(r"\.librar[y]/|/shared/(fact[s]|desig[n])\b"),
]
OF_A_REGISTRY = [
    re.compile(
        r"pypi[.]org|pythonhosted[.]org|registry[.]npmjs|deb[.]debian|--(extra-)?index-ur[l]|--trusted-hos[t]"
    ),
]


def committed() -> list[Path]:
    """The files of the repository; in an unpacked archive, every file that is not made here."""
    listed = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if listed.returncode == 0:
        return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]
    made_here = {".venv", ".home", ".bench", "__pycache__", ".git"}
    return [
        path
        for path in ROOT.rglob("*")
        if path.is_file() and not made_here & set(path.relative_to(ROOT).parts) and ".cache" not in path.name
    ]


def modules() -> list[Path]:
    """The Python modules of the repository."""
    return [path for path in committed() if path.suffix == ".py"]


def connectors() -> list[str]:
    """The names in the connectors' entry-point group."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return sorted(project["entry-points"]["sync_engine.connectors"])


def test_nothing_stands_beside_the_agreed_names() -> None:
    """The top level is a table of contents: these names and dotfiles, no more."""
    top = {path.relative_to(ROOT).parts[0] for path in committed()}
    assert {name for name in top if not name.startswith(".")} <= TOP_LEVEL


def test_no_module_has_a_name_that_says_nothing() -> None:
    """A module named for no noun or verb of the domain gathers what nobody placed."""
    named = [part for path in modules() for part in path.relative_to(ROOT).with_suffix("").parts]
    assert sorted({name for name in named if SAYS_NOTHING.fullmatch(name)}) == []


@pytest.mark.parametrize(
    ("patterns", "whose"),
    [(OF_A_MACHINE, "a machine"), (OF_A_REGISTRY, "a registry")],
    ids=["machines", "registries"],
)
def test_nothing_committed_belongs_to(patterns: list[re.Pattern[str]], whose: str) -> None:
    """No path of the machine it was written on, no host packages were fetched from."""
    found = []
    for path in committed():
        for number, line in enumerate(path.read_bytes().decode("utf-8", "ignore").splitlines(), 1):
            found += [
                f"{path.relative_to(ROOT)}:{number}: {whose}: {line.strip()[:120]}"
                for pattern in patterns
                if pattern.search(line)
            ]
    assert found == []


@pytest.mark.parametrize(
    "halves",
    [("see /wor", "k/main/x"), ("cd /roo", "t/y"), ("/hom", "e/ada/z"), ("https://pypi", ".org/simple")],
)
def test_the_search_finds_what_it_is_for(halves: tuple[str, str]) -> None:
    """The patterns can fail; the lines are put together here, so that the search does not find this one."""
    assert any(pattern.search("".join(halves)) for pattern in OF_A_MACHINE + OF_A_REGISTRY)


def test_the_locks_pin_and_hash_everything() -> None:
    """Each requirement has one version and at least one hash; the runtime's pins are the development's pins."""
    pins: dict[str, dict[str, str]] = {}
    for name in ("requirements.lock", "requirements-dev.lock"):
        entries = re.split(r"\n(?=[A-Za-z])", (ROOT / name).read_text(encoding="utf-8"))
        wanted = [entry for entry in entries if not entry.startswith("#")]
        assert [entry for entry in wanted if "==" not in entry or "--hash=sha256:" not in entry] == []
        pins[name] = dict(entry.split()[0].split("==", 1) for entry in wanted)
    assert pins["requirements.lock"].items() <= pins["requirements-dev.lock"].items()


@pytest.mark.parametrize("connector", connectors())
def test_an_erp_is_whole(connector: str) -> None:
    """A connector comes with a mapping, a simulator that speaks its wire, a test of both, and golden cases, all of its own."""
    assert owed(ROOT, connector) == []


def test_the_whole_domain_is_kept_pure() -> None:
    """The contract that forbids I/O lists its modules; one that is added to the domain must be added there."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    pure = next(set(contract["source_modules"]) for contract in contracts if contract["id"] == "pure")
    domain = {"canonical", "ownership", "matching", "records", "errors"}
    there = {
        f"sync_engine.{name}"
        for name in domain
        if (ROOT / "sync_engine" / name).is_dir() or (ROOT / "sync_engine" / f"{name}.py").is_file()
    }
    assert pure == there | {"mappings"}


def test_every_connector_folder_can_be_found_by_name() -> None:
    """A connector that is no entry point would be code nobody can configure."""
    folders = {path.parent.name for path in (ROOT / "connectors").glob("*/__init__.py")} - {"toolkit"}
    assert folders == set(connectors())


@pytest.mark.filterwarnings("default:.*lines, think of splitting:UserWarning")
def test_long_modules_are_named() -> None:
    """A module beyond 350 lines is worth a thought and named among the warnings; one beyond 400 is two."""
    for path in modules():
        if "versions" in path.parts:
            continue  # a migration is written once and never grows
        lines = path.read_bytes().count(b"\n")
        assert lines <= TOO_LONG, f"{path.relative_to(ROOT)}: {lines} lines, split it"
        if lines > LONG:
            warnings.warn(
                f"{path.relative_to(ROOT)}: {lines} lines, think of splitting it", UserWarning, stacklevel=1
            )


def test_every_module_says_what_it_is() -> None:
    """The first line of a module is a sentence about it."""
    silent = [
        path
        for path in modules()
        if path.stat().st_size
        and not path.read_text(encoding="utf-8").lstrip("#! /a-z\n").startswith(('"""', 'r"""'))
    ]
    assert [str(path.relative_to(ROOT)) for path in silent] == []
