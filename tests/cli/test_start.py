"""A run loads what it needs: what other commands, other connectors or a terminal need stays where it is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import yaml

from tests.simulators.files import write_csv

NOT_NEEDED = (
    "alembic",
    "dagster",
    "duckdb",
    "fsspec",
    "httpx",
    "lxml",
    "openpyxl",
    "phonenumbers",
    "pyarrow",
    "pycountry",
    "rapidfuzz",
    "rich",
    "stdnum",
    "zeep",
)
"""Packages that a run of CSV files has no use for, when nobody looks on at a terminal."""
RUN = """
import sys
sys.argv = ["sync-engine", "run", "books"]
from sync_engine.cli import main
try: main()
except SystemExit as ended: code = ended.code
there = [name for name, module in sys.modules.items() if module is not None]
loaded = sorted({m.partition(".")[0] for m in there} & set(%r))
connectors = sorted({".".join(m.split(".")[:2]) for m in there if m.startswith(("connectors.", "mappings."))})
print("code", code, "loaded", loaded, *connectors)
"""


def test_a_run_loads_only_what_it_needs(home: Path, database: str) -> None:
    """Its own connector and mapping with the toolkits, and none of the packages that others need."""
    assert database
    folder, defs = home / "export", home / "defs" / "books"
    folder.mkdir()
    defs.mkdir(parents=True)
    write_csv(folder / "customers.csv", (["No", "Name"], [["1", "HANSEN & SØN"], ["2", "Berg A/S"]]))
    attributes = {
        "source": "books",
        "connector": "files",
        "connection": {"folder": str(folder), "entities": {"debtor": {"path": "customers.csv", "key": "No"}}},
        "mapping": {"entities": {"debtor": {"fields": {"number": "No", "name": "Name"}}}},
    }
    document = {"type": "dagster_project.components.ErpSource", "attributes": attributes}
    (defs / "defs.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    said = subprocess.run(
        [sys.executable, "-c", RUN % (NOT_NEEDED,)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "SYNC_ENGINE_DEFS": str(home / "defs")},
    )
    assert "Run of books: succeeded" in said.stdout
    last = said.stdout.strip().splitlines()[-1]
    assert last == "code 0 loaded [] connectors.files connectors.toolkit mappings.files mappings.toolkit"
