"""The example of docs/netsuite.md is a configuration that the engine takes."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from sync_engine.config import parse, settings_of
from sync_engine.plugins import connector_plugin, mapping_plugin

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "netsuite.md").read_text(encoding="utf-8")


def test_the_example_is_taken() -> None:
    """By the source, its connector and its mapping; an account that is a number is taken as well."""
    (text,) = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    config = parse(yaml.safe_load(text)["attributes"], "the page")
    settings = connector_plugin("netsuite").settings
    told = settings_of(settings, config.connection, "the page").model_dump()
    assert told["account"] == "1234567_SB1"
    mapping = settings_of(mapping_plugin("netsuite").settings, config.mapping, "the page").model_dump()
    assert mapping["web_address"] == "https://1234567-sb1.app.netsuite.com"
    number = settings_of(settings, config.connection | {"account": 1234567}, "the page")
    assert number.model_dump()["account"] == "1234567"
