"""The README shows what really happens: its demo is run, and so is every command of its blocks that are marked."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from sync_engine.config import connector_plugin, parse, settings_of
from sync_engine.ops import demo
from sync_engine.platform.home import project_root
from sync_engine.platform.postgres import EmbeddedPostgres

README = Path(__file__).resolve().parents[2] / "README.md"
CLI = (sys.executable, "-c", "from sync_engine.cli import main; main()")


def block(mark: str) -> list[str]:
    """The lines of the console block behind a mark."""
    found = re.search(rf"<!-- {mark} -->\n```console\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert found, f"the README has no block marked {mark}"
    return found[1].splitlines()


def shows(line: str) -> re.Pattern[str]:
    """A line of the README as a pattern: `...` is anything, white space is white space."""
    parts = [r"\s+".join(map(re.escape, part.split())) for part in line.split("...")]
    return re.compile(r"[\s\S]*?".join(parts))


def expect(lines: list[str], output: str) -> None:
    """Every line occurs in the output, in the order of the README."""
    at = 0
    for line in filter(str.strip, lines):
        found = shows(line).search(output, at)
        assert found, f"the README shows {line.strip()!r}, which is not (or not there) in:\n{output}"
        at = found.start() + 1


def run(*arguments: str, timeout: float = 110) -> subprocess.CompletedProcess[str]:
    """The command line as a process of its own."""
    environment = {**os.environ, "COLUMNS": "200", "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    return subprocess.run([*CLI, *arguments], capture_output=True, text=True, timeout=timeout, check=False, env=environment, cwd=project_root())


@pytest.mark.slow
def test_the_demo_prints_what_the_readme_shows(home: Path) -> None:
    """From an empty home to the second certificate in under two minutes, and nothing goes on running."""
    said = run("demo", timeout=120)
    assert said.returncode == 0, said.stderr
    expect(block("demo"), said.stdout)
    assert EmbeddedPostgres(home / "demo").pid is None
    assert not (home / "demo" / "simulator.json").exists()


@pytest.fixture
def demo_company(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The demo's company after its first run, still answering; this process is pointed at the demo's home."""
    for name in ("SYNC_ENGINE_HOME", "SYNC_ENGINE_DEFS", demo.SECRET):
        monkeypatch.setenv(name, str(home))
    folder = demo.fresh_home()
    try:
        with demo.simulator(folder):
            assert run("run", "demo").returncode == 0
            yield
    finally:
        EmbeddedPostgres(folder).remove()


@pytest.mark.slow
@pytest.mark.usefixtures("demo_company")
def test_every_command_of_the_readme_says_what_it_shows() -> None:
    """The marked block, command by command."""
    commands: list[tuple[str, list[str]]] = []
    for line in block("runs"):
        if line.startswith("$ "):
            commands.append((line.removeprefix("$ "), []))
        else:
            commands[-1][1].append(line)
    assert len(commands) > 5
    for command, lines in commands:
        program, *arguments = shlex.split(command)
        assert program == "sync-engine"
        said = run(*arguments)
        assert said.returncode == 0, f"{command}: {said.stderr}"
        expect(lines, said.stdout)


def test_the_yaml_of_the_readme_is_valid() -> None:
    """What a data engineer copies is accepted by engine and connector."""
    text = re.search(r"```yaml\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert text
    config = parse(yaml.safe_load(re.sub(r"(?m)^   ", "", text[1]))["attributes"], "README")
    settings_of(connector_plugin(config.connector).settings, config.connection, "README")


def test_the_exit_codes_of_the_readme_are_those_of_the_help() -> None:
    """Told twice, told the same."""
    told = run("--help").stdout
    paragraph = README.read_text(encoding="utf-8").split("**Exit codes.**")[1].split("\n\n")[0]
    codes = re.findall(r"(\d+) (?:all|something|a setting|a source|a login|the database|partial|try)", paragraph)
    assert codes == ["0", "1", "2", "3", "4", "5", "6", "75"]
    for code in codes:
        assert re.search(rf"(?:·|codes:)\s+{code}\s", told), code
