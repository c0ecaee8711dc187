"""Golden cases: a payload as received, and beside it (`*.expected.json`) all that became of it.

Cases named `live-` are captures of real tenants, `docs-` samples of the documentation, `v18-` and `v24-` shapes of older
versions, kept so that nobody breaks them. The others are written after the AL pages.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mappings.business_central import plugin
from sync_engine.ports import Normalised

GOLDEN = Path(__file__).parent / "golden" / "business_central"
CASES = sorted(path for path in GOLDEN.glob("*/*.json") if not path.name.endswith(".expected.json"))
NORMALISER = plugin.normaliser("golden", plugin.settings())


def outcome(result: Normalised) -> dict[str, Any]:
    """What became of one record, as JSON."""
    found: dict[str, Any] = {}
    for draft in result.drafts:
        found["draft"] = draft.values
        if draft.lines:
            found["lines"] = list(draft.lines)
    for _, error in result.failed:
        found["failed"] = str(error)
    for exclusion in result.excluded:
        found["excluded"] = exclusion.reason
    if result.gaps:
        found["gaps"] = {gap.field: gap.code for gap in result.gaps}
    return found


@pytest.mark.parametrize("path", CASES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_golden(path: Path) -> None:
    """The payload becomes exactly what stands in the file beside it."""
    expected = json.loads(path.with_suffix(".expected.json").read_text())
    assert outcome(NORMALISER.normalise(path.parent.name, [("key", path.read_bytes())])) == expected


def test_every_wire_entity_has_a_golden_case() -> None:
    """A wire entity without a golden case is not done."""
    assert {path.parent.name for path in CASES} == set(NORMALISER.entities)
