"""The examples of docs/economic.md are configurations that the engine takes."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from sync_engine.config import parse, settings_of
from sync_engine.plugins import connector_plugin

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "economic.md").read_text(encoding="utf-8")
WHOLE, SOAP = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


def test_the_examples_are_taken() -> None:
    """By the source and its connector; that of SOAP stands in the place of the connection."""
    config = parse(yaml.safe_load(WHOLE)["attributes"], "the page")
    settings = connector_plugin("economic").settings
    told = settings_of(settings, config.connection, "the page").model_dump()
    assert (told["dialect"], told["receivables_accounts"]) == ("rest", (5599,))
    soap = settings_of(settings, yaml.safe_load(SOAP)["connection"], "the page").model_dump()
    assert (soap["dialect"], soap["soap"]["agreement_number"]) == ("soap", 123456)
