"""A key that a YAML does not know: the error says which one was probably meant."""

from __future__ import annotations

from typing import Any

import pytest

from sync_engine.config import parse, parse_policy, settings_of
from sync_engine.errors import ConfigurationError
from sync_engine.plugins import connector_plugin, mapping_plugin

SOURCE: dict[str, Any] = {"source": "erp", "connector": "files", "environment": "test"}


@pytest.mark.parametrize(
    ("odd", "said"),
    [
        ({"freshnes_hours": 4}, "freshnes_hours: there is no such key; did you mean freshness_hours?"),
        ({"portfolio": {"dimenson": "REGION"}}, "portfolio.dimenson: there is no such key; did you mean dimension?"),
        ({"portfolio": {"zzz": 1}}, "portfolio.zzz: there is no such key; there are "),
        ({"writable": {"debtor": {"name": {"directon": "out"}}}}, "directon"),
    ],
    ids=["of the source", "of a part", "like nothing", "of a rule"],
)  # fmt: skip
def test_a_key_of_a_source_that_is_mistyped_names_the_right_one(odd: dict[str, Any], said: str) -> None:
    """In the source itself, in a part of it; one that resembles nothing is told beside all there are."""
    with pytest.raises(ConfigurationError) as told:
        parse(SOURCE | odd, "erp.yaml")
    assert said in told.value.what
    assert told.value.todo == "Correct the YAML."


def test_a_key_of_a_policy_a_connector_or_a_mapping_too() -> None:
    """Whatever is checked against a model."""
    with pytest.raises(ConfigurationError, match=r"rankng: there is no such key; did you mean ranking\?"):
        parse_policy({"rules": [{"ranking": ["erp"], "rankng": ["crm"]}]}, "policy.yaml")
    with pytest.raises(
        ConfigurationError, match=r"page_sise: there is no such key; did you mean page_size\?"
    ):
        settings_of(connector_plugin("business_central").settings, {"page_sise": 7}, "erp")
    with pytest.raises(
        ConfigurationError, match=r"web_clent: there is no such key; did you mean web_client\?"
    ):
        settings_of(mapping_plugin("business_central").settings, {"web_clent": "https://bc.example"}, "erp")


def test_values_are_never_told() -> None:
    """A mistyped key may stand before a secret."""
    with pytest.raises(ConfigurationError) as told:
        settings_of(connector_plugin("business_central").settings, {"client_sekret": "hunter2"}, "erp")
    assert "hunter2" not in str(told.value)
