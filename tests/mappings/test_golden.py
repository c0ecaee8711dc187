"""Golden cases: a payload as received, and beside it (`*.expected.json`) all that became of it.

They stand in `golden/<connector>/<wire entity>/<case>.json`; whoever writes a mapping only adds files. For Business Central, cases
named `live-` are captures of real tenants, `docs-` samples of the documentation, `v18-` and `v24-` shapes of older versions, kept
so that nobody breaks them. The others are written after the AL pages. Declared mappings of files have their own: `test_files`.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from mappings.toolkit.normaliser import ShapeNormaliser
from sync_engine.plugins import mapping_plugin
from sync_engine.ports import Normalised

GOLDEN = Path(__file__).parent / "golden"
CASES = sorted(path for path in GOLDEN.glob("*/*/*.json") if not path.name.endswith(".expected.json"))
CONNECTORS = sorted({path.parent.parent.name for path in CASES})


@cache
def normaliser(connector: str) -> ShapeNormaliser:
    """The mapping of a connector with every setting left at its default."""
    plugin = mapping_plugin(connector)
    found = plugin.normaliser("golden", plugin.settings())
    assert isinstance(found, ShapeNormaliser)
    return found


def outcome(result: Normalised) -> dict[str, Any]:
    """What became of one record, as JSON."""
    found: dict[str, Any] = {}
    for draft in result.drafts:
        found["draft"] = draft.values
        if draft.lines:
            found["lines"] = list(draft.lines)
        if draft.instalments:
            found["instalments"] = list(draft.instalments)
    for _, error in result.failed:
        found["failed"] = str(error)
    for exclusion in result.excluded:
        found["excluded"] = exclusion.reason
    if result.gaps:
        found["gaps"] = {gap.field: gap.code for gap in result.gaps}
    return found


@pytest.mark.parametrize("path", CASES, ids=lambda path: "-".join(path.with_suffix("").parts[-3:]))
def test_golden(path: Path) -> None:
    """The payload becomes exactly what stands in the file beside it."""
    connector, entity = path.parts[-3:-1]
    expected = json.loads(path.with_suffix(".expected.json").read_text(encoding="utf-8"))
    assert outcome(normaliser(connector).normalise(entity, [("key", path.read_bytes())])) == expected


@pytest.mark.parametrize("connector", CONNECTORS)
def test_every_wire_entity_has_a_golden_case(connector: str) -> None:
    """A wire entity without a golden case is not done."""
    seen = {path.parent.name for path in CASES if path.parent.parent.name == connector}
    assert seen == set(normaliser(connector).entities)
