"""JSON Schema of the two YAMLs, for editors: which keys there are, what they mean, and which values they take.

Made of the models that read the YAML, so it says what the engine accepts. What only looking at several keys together tells is
said when the YAML is loaded.
"""

from __future__ import annotations

import json
from typing import Any, Literal

from pydantic import BaseModel

from sync_engine.config import CANONICAL_STORE, ERP_SOURCE, SourceConfig
from sync_engine.ownership.policy import Policy
from sync_engine.plugins import connector_plugin, connectors_installed, mapping_plugin

DIALECT = "https://json-schema.org/draft/2020-12/schema"
Kind = Literal["source", "policy"]
_DAGSTER = {
    "requirements": {"type": "object"},
    "post_processing": {"type": "object"},
    "template_vars_module": {"type": "string"},
}
"""Keys beside `type` and `attributes` that Dagster reads of any component's YAML."""


def schema_of(kind: Kind) -> dict[str, Any]:
    """The schema of one YAML document; of a source, the keys of `connection` and `mapping` are those of the connector it names."""
    return _source() if kind == "source" else _policy()


def _policy() -> dict[str, Any]:
    definitions: dict[str, Any] = {}
    attributes = _model(Policy, "policy", definitions)
    return _document("Ownership policy of the canonical store", CANONICAL_STORE, attributes, definitions)


def _source() -> dict[str, Any]:
    definitions: dict[str, Any] = {}
    attributes = _model(SourceConfig, "source", definitions)
    names = connectors_installed()
    attributes["properties"]["connector"] |= {"enum": names}
    attributes["allOf"] = [_of_connector(name, definitions) for name in names]
    return _document("A source: one installation of an ERP or CRM", ERP_SOURCE, attributes, definitions)


def _of_connector(name: str, definitions: dict[str, Any]) -> dict[str, Any]:
    connection = _model(connector_plugin(name).settings, f"{name}.connection", definitions)
    mapping = _model(mapping_plugin(name).settings, f"{name}.mapping", definitions)
    needed = [
        key for key, model in (("connection", connection), ("mapping", mapping)) if model.get("required")
    ]
    return {
        "if": {"properties": {"connector": {"const": name}}, "required": ["connector"]},
        "then": {"properties": {"connection": connection, "mapping": mapping}, "required": needed},
    }


def _document(
    title: str, component: str, attributes: dict[str, Any], definitions: dict[str, Any]
) -> dict[str, Any]:
    return {
        "$schema": DIALECT,
        "title": title,
        "type": "object",
        "properties": {"type": {"const": component}, "attributes": attributes, **_DAGSTER},
        "required": ["type", "attributes"],
        "additionalProperties": False,
        "$defs": definitions,
    }


def _model(model: type[BaseModel], prefix: str, definitions: dict[str, Any]) -> dict[str, Any]:
    """The schema of a model; those of the models in it go to `definitions`, by names of their own."""
    found = model.model_json_schema(ref_template=f"#/$defs/{prefix}.{{model}}")
    definitions |= {f"{prefix}.{name}": one for name, one in found.pop("$defs", {}).items()}
    return found


def as_text(kind: Kind) -> str:
    """The schema as a file holds it."""
    return json.dumps(schema_of(kind), indent=2, ensure_ascii=False) + "\n"
