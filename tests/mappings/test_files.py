"""The declared mapping: golden cases of rows as people write them, cells one by one, and settings that are refused with what there is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from mappings.toolkit.columns import ColumnsMapping, date_text, decimal_text, instant_text
from sync_engine.config import settings_of
from sync_engine.errors import ConfigurationError
from sync_engine.plugins import mapping_plugin
from sync_engine.ports import Normalised
from tests.connectors.files.support import normaliser

GOLDEN = Path(__file__).parent / "golden"
CASES = [*sorted((GOLDEN / "files").glob("*.yaml")), *sorted((GOLDEN / "sql").glob("*.yaml"))]


def outcome(result: Normalised, key: str) -> dict[str, Any]:
    """What became of one row."""
    found: dict[str, Any] = {}
    for draft in result.drafts:
        if draft.key == key:
            found["draft"] = dict(draft.values)
    for failed, error in result.failed:
        if failed == key:
            found["failed"] = str(error)
    if gaps := {g.field: g.code for g in result.gaps if g.key == key}:
        found["gaps"] = gaps
    return found


@pytest.mark.parametrize("path", CASES, ids=lambda p: f"{p.parent.name}-{p.stem}")
def test_golden(path: Path) -> None:
    """A case is a mapping as an installation declares it, rows as the connector lands them, and exactly what becomes of each."""
    case = yaml.safe_load(path.read_text(encoding="utf-8"))
    plugin = mapping_plugin(path.parent.name)
    ours = plugin.normaliser("books", plugin.settings.model_validate(case["mapping"]))
    for name, row in case["rows"].items():
        payload = (
            row["lands"] if isinstance(row["lands"], str) else json.dumps(row["lands"], ensure_ascii=False)
        )
        assert (
            outcome(
                ours.normalise(case["entity"], [(row.get("key", "key"), payload.encode())]),
                row.get("key", "key"),
            )
            == row["becomes"]
        ), name


def test_every_canonical_entity_has_a_golden_case() -> None:
    """An entity that can be declared and has no case is not done."""
    from sync_engine.canonical.declared import SPEAKABLE, spoken_of

    seen = {spoken_of(yaml.safe_load(path.read_text(encoding="utf-8"))["entity"]) for path in CASES}
    assert {s.entity for s in seen if s} == set(SPEAKABLE)


@pytest.mark.parametrize(("text", "decimal", "plain"), [
    ("1234.50", ".", "1234.5"), ("1,234.50", ".", "1234.5"), ("1.234,50", ",", "1234.5"), ("1 234 567,8", ",", "1234567.8"), ("1'234.00", ".", "1234"),
    ("1\u00a0234,5", ",", "1234.5"), ("-12", ".", "-12"), ("12-", ".", "-12"), ("(12.5)", ".", "-12.5"), ("\u221212", ".", "-12"), ("+7", ".", "7"),
        ("0.00-", ".", "0"),
    (".5", ".", "0.5"), ("1.5e-05", ".", "0.000015"), ("1,23,456", ".", "1,23,456"), ("12 EUR", ".", "12 EUR"),
        ("-", ".", "-"),
    ("007", ".", "007"),
])  # fmt: skip
def test_decimals_as_people_write_them(text: str, decimal: str, plain: str) -> None:
    """Grouping is only grouping where it groups by three; what is no amount stays as it is, for the field type to refuse."""
    assert decimal_text(text, decimal) == plain


def test_signs_can_be_turned() -> None:
    """A file of payments states them positive, the ledger knows them negative; nought has no sign."""
    assert [decimal_text(t, ".", negate=True) for t in ("12.5", "-12.5", "0.00")] == ["-12.5", "12.5", "0"]


def test_dates_and_instants() -> None:
    """A business date is never shifted; an instant is moved to UTC."""
    assert date_text("31.01.2026", ("%d.%m.%Y",)) == "2026-01-31"
    assert date_text("2026-01-31 23:30:00", ("%d.%m.%Y",)) == "2026-01-31"
    assert date_text("2026-01-31T23:30:00-08:00", ()) == "2026-01-31"
    assert date_text("31/02/2026", ("%d/%m/%Y",)) == "31/02/2026"
    assert [instant_text(t) for t in ("2026-01-31T23:30:00-08:00", "2026-01-31 10:00", "soon")] == [
        "2026-02-01T07:30:00Z",
        "2026-01-31T10:00:00Z",
        "soon",
    ]


@pytest.mark.parametrize(("entities", "says"), [
    ({"customers": {"fields": {"number": "No"}}}, "an entity begins with one of company, account_owner"),
    ({"debtor": {"fields": {"nummer": "No"}}}, "there is no field nummer; there are number, external_number"),
    ({"debtor": {"fields": {"portfolio_key": "No"}}}, "there is no field portfolio_key"),
    ({"document": {"fields": {"number": "No", "total": "Sum"}}}, "the field debtor_key is missing"),
    ({"document_credit_notes": {"fields": {"debtor_key": "No"}}}, "the field total or open_amount is missing"),
    ({"debtor": {"fields": {"number": {"column": "No", "value": "x"}}}}, "name a column or a value"),
    ({"debtor": {"fields": {"number": {"columns": "No"}}}}, r"did you mean column\?"), ({"debtor": {"fields": {"number": False}}}, "put it in quotes"),
    ({"debtor": {"fields": {"status": {"column": "S", "codes": {True: "blocked"}}}}}, "put it in quotes"),
], ids=["entity", "field", "derived field", "no debtor", "no amount", "two origins", "misspelt", "a column No", "a code yes"])  # fmt: skip
def test_a_wrong_mapping_is_refused_when_it_is_loaded(entities: dict[str, Any], says: str) -> None:
    """Each sentence says what there is."""
    with pytest.raises(ConfigurationError, match=says):
        settings_of(ColumnsMapping, {"entities": entities}, "books mapping")


def test_a_column_that_is_not_in_the_file_lists_the_columns() -> None:
    """Nothing is published with half the fields missing; an optional column may be missing and then says nothing."""
    ours = normaliser(
        entities={
            "debtor": {
                "fields": {"number": "No", "city": "Town", "email": {"column": "Mail", "optional": True}}
            }
        }
    )
    with pytest.raises(ConfigurationError, match=r"no column 'town' \(for city\).*No, City"):
        ours.normalise("debtor", [("1", b'{"No": "1", "City": "x"}')])
    assert ours.normalise("debtor", [("1", b'{"No": "1", "TOWN ": "x"}')]).drafts[0].values == {
        "number": "1",
        "city": "x",
    }
    with pytest.raises(ConfigurationError, match="no mapping for contact"):
        ours.normalise("contact", [])


def test_the_version_follows_the_declaration() -> None:
    """Another mapping normalises again what is landed; the same one does not."""
    one, same, other = (
        normaliser(entities={"debtor": {"fields": {"number": n}}}) for n in ("No", "No", "Number")
    )
    assert one.version == same.version != other.version
