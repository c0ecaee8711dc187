"""`demo --keep`: what it prints for a second terminal is enough for one."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from sync_engine.cli import output
from sync_engine.cli.demo import _Narrator
from sync_engine.ops.demo import SECRET


def test_a_second_terminal_knows_home_settings_and_secret(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lines are run by a shell that knows nothing; the secret reaches it and no screen."""
    monkeypatch.setattr(
        output, "AS_JSON", False
    )  # whatever a command before this one in the same process was asked for
    (tmp_path / "simulator.json").write_text(json.dumps({"client_secret": "a secret of today"}))
    _Narrator().second_terminal(tmp_path)
    said = capsys.readouterr().out
    assert "a secret of today" not in said
    lines = "\n".join(line.strip() for line in said.splitlines() if line.strip().startswith("export "))
    shell = f'{lines}\nprintf "%s|%s|%s" "$SYNC_ENGINE_HOME" "$SYNC_ENGINE_DEFS" "${SECRET}"'
    known = subprocess.run(
        ["/bin/sh", "-c", shell], env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=True
    )
    assert known.stdout == f"{tmp_path}|{tmp_path}/defs|a secret of today"
