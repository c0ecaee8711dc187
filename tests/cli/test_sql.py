"""`sql` reads and does nothing else, whoever asks."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.desk import Desk


def test_everything_can_be_read(desk: Desk) -> None:
    """What applications read, functions of a date, and what is the engine's own."""
    assert desk.run("run", "bc").code == 0
    for what in ("canonical.debtor", "canonical.open_items_at('2026-01-01')", "engine.source_record"):
        assert desk.run("sql", f"SELECT * FROM {what} LIMIT 1").code == 0


@pytest.mark.parametrize(
    "statement",
    [
        "COPY canonical.debtor TO '{file}'",
        "COPY (SELECT 1) TO PROGRAM 'touch {file}'",
        "SELECT lo_export(lo_from_bytea(0, 'x'), '{file}')",
        "DO $$ BEGIN EXECUTE 'COPY (SELECT 1) TO ''{file}'''; END $$",
        "DELETE FROM canonical.debtor",
        "SELECT pg_read_file('/etc/hostname')",
    ],
)
def test_nothing_is_written_and_no_file_is_touched(desk: Desk, tmp_path: Path, statement: str) -> None:
    """Not by a statement that a transaction which may only read lets pass, though the embedded server's user may do everything."""
    tmp_path.chmod(0o777)
    said = desk.run("sql", statement.format(file=tmp_path / "written"))
    assert said.code == 2
    assert "PostgreSQL refuses the statement" in said.err
    assert not (tmp_path / "written").exists()


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM read_text('{other}')",
        "SELECT * FROM '{other}'",
        "SELECT * FROM glob('{folder}/*')",
        "COPY (SELECT 1) TO '{file}'",
        "ATTACH '{file}'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "SET allowed_directories = ['{folder}']",
    ],
)
def test_landed_files_are_all_that_duckdb_reaches(desk: Desk, tmp_path: Path, statement: str) -> None:
    """A question over landed records reads them, and no other file, nor the network, nor an extension."""
    assert desk.run("run", "bc").code == 0
    assert desk.json("sql", "SELECT count(*) FROM bc.customers")["rows"] != [[0]]
    (tmp_path / "other.txt").write_text("not yours")
    said = desk.run(
        "sql",
        "/* bc.customers */ "
        + statement.format(file=tmp_path / "written", other=tmp_path / "other.txt", folder=tmp_path),
    )
    assert said.code == 2
    assert "DuckDB refuses the statement" in said.err
    assert not (tmp_path / "written").exists()
