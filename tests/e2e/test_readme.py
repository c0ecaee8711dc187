"""README and docs show what really happens: the demo is run, and so is every command of the blocks that are marked."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml

from sync_engine.config import parse, settings_of
from sync_engine.ops import demo
from sync_engine.platform.home import project_root
from sync_engine.platform.postgres import EmbeddedPostgres, database_url
from sync_engine.platform.urls import psycopg_url
from sync_engine.plugins import connector_plugin

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
OPERATE = ROOT / "docs" / "operate.md"
PAGES = (README, *sorted((ROOT / "docs").glob("*.md")))
CLI = (sys.executable, "-c", "from sync_engine.cli import main; main()")


def marked(mark: str, language: str) -> str:
    """What stands in the block behind a mark, on the one page that has it."""
    wanted = re.compile(rf"<!-- {re.escape(mark)} -->\n```{language}\n(.*?)```", re.DOTALL)
    found = [text for page in PAGES for text in wanted.findall(page.read_text(encoding="utf-8"))]
    assert len(found) == 1, f"{len(found)} blocks are marked {mark}"
    return str(found[0])


def block(mark: str) -> list[str]:
    """The lines of the console block behind a mark."""
    return marked(mark, "console").splitlines()


def shows(line: str) -> re.Pattern[str]:
    """A line of a page as a pattern: `...` is anything, white space is white space."""
    parts = [r"\s+".join(map(re.escape, part.split())) for part in line.split("...")]
    return re.compile(r"[\s\S]*?".join(parts))


def expect(lines: list[str], output: str) -> None:
    """Every line occurs in the output, in the order of the page."""
    at = 0
    for line in filter(str.strip, lines):
        found = shows(line).search(output, at)
        assert found, f"the page shows {line.strip()!r}, which is not (or not there) in:\n{output}"
        at = found.start() + 1


def run(*arguments: str, timeout: float = 240, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """The command line as a process of its own."""
    environment = {**os.environ, "COLUMNS": "200", "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    where = cwd or project_root()
    return subprocess.run(
        [*CLI, *arguments],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        env=environment,
        cwd=where,
    )


def commands(mark: str) -> list[tuple[str, list[str]]]:
    """The commands of a block, and what happens beside them, each with the lines it shows."""
    found: list[tuple[str, list[str]]] = []
    for line in block(mark):
        if line.startswith(("$ ", "# ")):
            found.append((line, []))
        else:
            found[-1][1].append(line)
    assert len(found) > 5
    return found


def file_of(name: str) -> str:
    """A file that a page shows."""
    return marked(f"file: {name}", r"\w+")


@pytest.mark.slow
def test_the_demo_prints_what_the_readme_shows(home: Path) -> None:
    """From an empty home to the second certificate, and nothing goes on running."""
    said = run("demo")
    assert said.returncode == 0, said.stderr
    expect(block("demo"), said.stdout)
    assert EmbeddedPostgres(home / "demo").pid is None
    assert not (home / "demo" / "simulator.json").exists()


@pytest.fixture
def demo_company(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[demo.Simulator]:
    """The demo's company after its first run, still answering; this process is pointed at the demo's home."""
    for name in ("SYNC_ENGINE_HOME", "SYNC_ENGINE_DEFS", demo.SECRET):
        monkeypatch.setenv(name, str(home))
    folder = demo.fresh_home()
    try:
        with demo.simulator(folder) as running:
            assert run("run", "demo").returncode == 0
            yield running
    finally:
        EmbeddedPostgres(folder).remove()


@pytest.mark.slow
@pytest.mark.usefixtures("demo_company")
def test_every_command_of_the_readme_says_what_it_shows() -> None:
    """The marked block, command by command."""
    for command, lines in commands("runs"):
        program, *arguments = shlex.split(command.removeprefix("$ "))
        assert program == "sync-engine"
        said = run(*arguments)
        assert said.returncode == 0, f"{command}: {said.stderr}"
        expect(lines, said.stdout)


class Walk:
    """Goes through marked blocks: files as shown, commands as shown, a plan's hash for the one that is printed."""

    def __init__(self, company: demo.Simulator, folder: Path) -> None:
        self._company, self._folder, self._hash = company, folder, ("", "")
        self.states: dict[str, dict[str, frozenset[str]]] = {}

    def write(self, name: str, to: Path) -> None:
        """A file of a page, with the paths of this machine."""
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_text(file_of(name).replace("/data/crm", str(self._folder / "crm")), encoding="utf-8")

    def through(self, mark: str) -> None:
        """Every command of a block; the state after each is kept by its name."""
        for line, shows in commands(mark):
            printed, real = self._hash
            line, shows = (
                (line.replace(printed, real), [s.replace(printed, real) for s in shows])
                if printed
                else (line, shows)
            )
            if line.startswith("# "):
                self._meanwhile(line)
                continue
            _, *arguments = shlex.split(line.removeprefix("$ "))
            said = run(*arguments, cwd=self._folder)
            assert said.returncode in (0, 6), f"{line}: {said.stderr}"
            assert "leaked" not in said.stderr, line
            if planned := re.search(r"Plan ([0-9a-f]{12})", said.stdout):
                in_readme = next((m[1] for s in shows if (m := re.search(r"Plan ([0-9a-f]{12})", s))), "")
                self._hash = (in_readme, planned[1])
                shows = [s.replace(in_readme, planned[1]) for s in shows]
            expect(shows, said.stdout)
            self.states[" ".join(arguments[:3])] = canonical()

    def _meanwhile(self, line: str) -> None:
        phone = re.search(r"phone to (.+)$", line)
        assert phone, line
        with_key = rows(
            "SELECT l.external_id FROM canonical.link l JOIN canonical.debtor d ON d.id = l.canonical_id WHERE d.number = '10000' "
            "AND l.source = 'demo' AND l.entity = 'debtor'"
        )
        self._company.act("edit_customer", customer=with_key[0][0], phone=phone[1])


def rows(sql: str, role: str | None = None) -> list[tuple[Any, ...]]:
    """What a statement finds in the demo's database."""
    with psycopg.connect(psycopg_url(database_url())) as connection:
        if role:
            connection.execute(f"SET ROLE {role}".encode())
        cursor = connection.execute(sql.encode())
        return cursor.fetchall() if cursor.description else []


def canonical() -> dict[str, frozenset[str]]:
    """What readers see of people, documents and money, as sets of rows; without when and in which cut a row last changed."""
    living = {
        t: f"SELECT CAST(to_jsonb(x) - '{{changed_at,cut_id}}'::text[] AS text) FROM canonical.{t} x WHERE deleted_at IS NULL"
        for t in (
            "debtor",
            "contact",
            "document",
            "payment",
            "application",
            "debtor_dimension",
            "debtor_group",
        )
    }
    living["link"] = "SELECT CAST(to_jsonb(x) AS text) FROM canonical.link x"
    living["overruled"] = "SELECT CAST(to_jsonb(x) - 'since' AS text) FROM canonical.overruled x"
    return {name: frozenset(r[0] for r in rows(sql)) for name, sql in living.items()}


@pytest.mark.slow
@pytest.mark.timeout(600)  # forty processes one after the other
def test_people_decide_as_the_readme_shows(demo_company: demo.Simulator, home: Path) -> None:
    """Suggestions, a plan, its application; the CRM is master and the ERP's edit overruled; unlinking gives all back, undoing the same rows.

    Then a file, an application's words, a group, a dry resync, a replay and the audit.
    """
    walk, defs = Walk(demo_company, home), Path(os.environ["SYNC_ENGINE_DEFS"])
    for name, to in (
        ("crm/accounts.csv", home / "crm" / "accounts.csv"), ("crm/defs.yaml", defs / "crm" / "defs.yaml"),
        ("canonical_store/defs.yaml", defs / "canonical_store" / "defs.yaml"), ("owners.csv", home / "owners.csv"),
        ("large_sales.sql", home / "large_sales.sql"),
    ):  # fmt: skip
        walk.write(name, to)
    walk.through("runs: linking")
    seen = walk.states
    assert seen["links adopt crm"] == seen["links suggestions crm"], "a plan changes nothing"
    linked, unlinked = seen["run demo"], seen["links unlink crm"]
    assert seen["explain debtor 10000"] == linked
    assert linked["overruled"]
    assert not unlinked["overruled"]
    assert {name for name in linked if linked[name] != unlinked[name]} == {"debtor", "link", "overruled"}
    assert {name: unlinked[name] for name in unlinked if name != "debtor"} == {
        n: seen["links adopt crm"][n] for n in unlinked if n != "debtor"
    }
    assert seen["links undo --apply"] == linked, "an undo restores identical rows"
    assert seen[next(name for name in seen if re.fullmatch(r"links undo [0-9a-f]{12}", name))] == unlinked, (
        "unlinking gave everything back"
    )
    rows(marked("said", "sql"), role="sync_engine_writer")
    walk.through("runs: people")


def test_the_yaml_of_the_readme_is_valid() -> None:
    """What a data engineer copies is accepted by engine and connector."""
    text = re.search(r"```yaml\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert text
    config = parse(yaml.safe_load(re.sub(r"(?m)^   ", "", text[1]))["attributes"], "README")
    settings_of(connector_plugin(config.connector).settings, config.connection, "README")


def test_the_exit_codes_of_the_page_are_those_of_the_help() -> None:
    """Told twice, told the same."""
    told = run("--help").stdout
    paragraph = OPERATE.read_text(encoding="utf-8").split("**Exit codes.**")[1].split("\n\n")[0]
    codes = re.findall(
        r"(\d+) (?:all|something|a setting|a source|a login|the database|partial|try)", paragraph
    )
    assert codes == ["0", "1", "2", "3", "4", "5", "6", "75"]
    for code in codes:
        assert re.search(rf"(?:·|codes:)\s+{code}\s", told), code
