"""`lake verify`, and what status, doctor and the other commands say while a landed file is damaged."""

from __future__ import annotations

from pathlib import Path

from sync_engine.platform.home import lake_url
from tests.cli.desk import Desk


def test_a_damaged_file_is_told_by_every_command_until_a_full_run(desk: Desk) -> None:
    """Whole: exit 0. A file cut short: lake verify exits 5, status --check and run 6, doctor is ill; a full run heals all of them."""
    assert desk.run("run", "bc").code == 0
    whole = desk.json("lake", "verify")
    assert (whole["holds"], whole["damaged"], whole["orphans"]) == (True, [], [])
    [file] = sorted(Path(lake_url()).rglob("customers/*/000000.ndjson.zst"))
    file.write_bytes(file.read_bytes()[:-5])
    said = desk.run("lake", "verify", "bc", "--json")
    assert said.code == 5
    assert [b["entity"] for b in said.document["damaged"]] == ["customers"]
    assert said.document["holds"] is False
    path = file.relative_to(lake_url()).as_posix()
    for command, code in (
        (("lake", "verify"), 5),
        (("status", "--check"), 6),
        (("replay", "bc"), 6),
        (("sources", "doctor", "bc"), 5),
    ):
        told = desk.run(*command)
        assert (told.code, command) == (code, command)
        words = " ".join(told.out.split())
        assert "is cut short" in words or "its checksum is another" in words, command
        assert path in words or command[0] == "sources", command
    assert "nothing of this source was landed yet" in desk.run("lake", "verify", "elsewhere").err
    assert desk.run("run", "bc", "--full").code == 0
    for command in (("lake", "verify"), ("status", "--check"), ("replay", "bc"), ("sources", "doctor", "bc")):
        assert (desk.run(*command).code, command) == (0, command)
    assert len(desk.json("lake", "verify")["lost"]) == 1
