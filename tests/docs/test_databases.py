"""The example of docs/databases.md is a configuration that the engine takes, and names nothing that nobody reads."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from sync_engine.config import parse, settings_of
from sync_engine.plugins import connector_plugin, mapping_plugin

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "databases.md").read_text(encoding="utf-8")


def test_the_example_is_taken() -> None:
    """By the source, its connector and its mapping; what is mapped is declared."""
    (text,) = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    config = parse(yaml.safe_load(text)["attributes"], "the page")
    connection = settings_of(connector_plugin("sql").settings, config.connection, "the page")
    mapping = settings_of(mapping_plugin("sql").settings, config.mapping, "the page")
    assert set(connection.model_dump()["entities"]) == set(mapping.model_dump()["entities"])
