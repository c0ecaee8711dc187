"""The JSON Schemas for editors accept every YAML that we ship or show, and refuse what the engine refuses."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator
from copy import deepcopy
from datetime import date
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from sync_engine.cli import main
from sync_engine.config import CANONICAL_STORE, ERP_SOURCE
from sync_engine.ops.sources.yaml_schema import schema_of
from sync_engine.plugins import connectors_installed

ROOT = Path(__file__).resolve().parents[2]
SCHEMAS = {ERP_SOURCE: schema_of("source"), CANONICAL_STORE: schema_of("policy")}


def plain(value: Any) -> Any:
    """YAML as an editor sees it: a date is its text."""
    if isinstance(value, dict):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    return value.isoformat() if isinstance(value, date) else value


def documents() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every component's YAML in the repository, in files and in blocks of pages."""
    files = [*ROOT.glob("dagster_project/**/*.yaml"), *ROOT.glob("sync_engine/**/*.yaml")]
    pages = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("findings/**/*.md")]
    texts = [(path, path.read_text(encoding="utf-8")) for path in files]
    for page in pages:
        blocks = re.findall(
            r"^ *```ya?ml\n(.*?)^ *```$", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
        )
        texts += [(page, textwrap.dedent(block)) for block in blocks]
    for path, text in texts:
        for document in yaml.safe_load_all(text):
            if isinstance(document, dict) and document.get("type") in SCHEMAS:
                yield str(path.relative_to(ROOT)), plain(document)


FOUND = list(documents())


def complaints(document: dict[str, Any]) -> list[str]:
    """What the schema says."""
    checker = jsonschema.Draft202012Validator(SCHEMAS[document["type"]])
    return [f"{list(error.absolute_path)}: {error.message}" for error in checker.iter_errors(document)]


def test_both_schemas_are_schemas() -> None:
    """And speak of every connector that is installed."""
    for schema in SCHEMAS.values():
        jsonschema.Draft202012Validator.check_schema(schema)
    attributes = SCHEMAS[ERP_SOURCE]["properties"]["attributes"]
    assert attributes["properties"]["connector"]["enum"] == connectors_installed()
    assert len(attributes["allOf"]) == len(connectors_installed())


def test_every_yaml_we_ship_or_show_is_accepted() -> None:
    """Files, and blocks of README and pages."""
    assert len({path for path, _ in FOUND}) >= 8
    assert {path: said for path, document in FOUND if (said := complaints(document))} == {}


@pytest.mark.parametrize("connector", ["files", "sql"])
def test_every_golden_mapping_is_accepted(connector: str) -> None:
    """The short forms too: a column by its name alone."""
    goldens = list((ROOT / "tests/mappings/golden" / connector).glob("*.yaml"))
    assert goldens
    for path in goldens:
        mapping = plain(yaml.safe_load(path.read_text(encoding="utf-8")))["mapping"]
        document = {
            "type": ERP_SOURCE,
            "attributes": {"source": "x", "connector": connector, "mapping": mapping},
        }
        assert [said for said in complaints(document) if "'mapping'" in said] == [], path.name


def mistakes(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The document with a key nobody reads, at every place where there are keys of ours."""
    for path in (("attributes",), ("attributes", "connection"), ("attributes", "mapping")):
        wrong = deepcopy(document)
        place: Any = wrong
        for key in path:
            place = place.get(key) if isinstance(place, dict) else None
        if isinstance(place, dict):
            place["folderr"] = "x"
            yield wrong


def test_a_key_that_nobody_reads_is_refused() -> None:
    """As the engine refuses it, in every part of every document."""
    broken = [wrong for _, document in FOUND for wrong in mistakes(document)]
    assert len(broken) > len(FOUND)
    assert [document for document in broken if not complaints(document)] == []


def test_a_source_without_its_connection_is_refused() -> None:
    """What its connector requires is required, whichever it is."""
    sources = [d for _, d in FOUND if d["type"] == ERP_SOURCE and d["attributes"]["connector"] != "economic"]
    for document in sources:
        wrong = deepcopy(document)
        del wrong["attributes"]["connection"]
        assert any("'connection' is a required property" in said for said in complaints(wrong))


@pytest.mark.parametrize("kind", ["source", "policy"])
def test_the_command_prints_it(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing else is on stdout."""
    with pytest.raises(SystemExit) as ended:
        main(["schema", kind])
    assert ended.value.code == 0
    assert json.loads(capsys.readouterr().out) in SCHEMAS.values()
