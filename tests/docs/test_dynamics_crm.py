"""The example of docs/dynamics-crm.md is a configuration that the engine takes."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from sync_engine.config import parse, settings_of
from sync_engine.plugins import connector_plugin, mapping_plugin

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "dynamics-crm.md").read_text(encoding="utf-8")


def test_the_example_is_taken() -> None:
    """By the source, its connector and its mapping."""
    (text,) = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    config = parse(yaml.safe_load(text)["attributes"], "the page")
    connection = settings_of(connector_plugin("dynamics_crm").settings, config.connection, "the page")
    assert set(connection.model_dump()["declared"]) == {"dimension_value_group", "activity_complaints"}
    plugin = mapping_plugin("dynamics_crm")
    settings = settings_of(plugin.settings, config.mapping, "the page")
    assert settings.model_dump()["groups"]["customertypecode"] == "customertypecode"
    assert plugin.normaliser("crm", settings).version
