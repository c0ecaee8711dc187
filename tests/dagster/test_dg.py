"""What Dagster's own `dg` knows of the project."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from dagster_project import components

ROOT = Path(__file__).resolve().parents[2]


def test_the_components_are_listed_with_what_they_are_for(home: Path) -> None:
    """`dg list components`, asked in the project, names what a defs.yaml may name, with a summary."""
    home.mkdir(exist_ok=True)
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n", encoding="utf-8")
    dg = Path(sys.executable).with_name("dg")
    told = subprocess.run(
        [dg, "list", "components", "--package", "dagster_project", "--json"],
        cwd=ROOT, env=os.environ | {"HOME": str(home), "DAGSTER_HOME": str(home)}, capture_output=True, text=True, timeout=240, check=True,
    )  # fmt: skip
    listed = {one["key"]: one["summary"] for one in json.loads(told.stdout)["items"]}
    assert set(listed) == {f"dagster_project.components.{name}" for name in components.__all__}
    assert all(listed.values())
