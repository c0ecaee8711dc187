"""What a mapping says on the wire, it reads back as the same: or a write would be wanted again at every run."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from mappings.business_central import plugin as business_central
from mappings.dynamics_crm import plugin as dynamics_crm
from mappings.sql import plugin as sql
from sync_engine.errors import MappingFailed
from sync_engine.ports import Normaliser, WritesFields

COLUMNS: dict[str, Any] = {
    "entities": {
        "debtor": {
            "fields": {
                "number": "No", "name": "Name", "city": "Town", "credit_limit": {"column": "Limit", "negate": True}, "chasing_paused": "Paused",
                "status": {"column": "State", "codes": {"A": "active", "X": "blocked", "B": "blocked"}}, "pause_until": "Until",
                "language": {"value": "da"}, "phone": {"column": "Phone", "blank": "nothing"},
            },
            "custom": {"segment": "Segment"},
        }
    }
}  # fmt: skip
SOURCES: dict[str, Any] = {
    "business_central": (business_central, {}),
    "dynamics_crm": (
        dynamics_crm,
        {
            "columns": {"accounts": {"vat_no": "new_vatnumber"}},
            "custom_fields": {"accounts": ["new_segment"]},
        },
    ),
    "sql": (sql, COLUMNS),
}
BARE: dict[str, dict[str, Any]] = {
    "customers": {"id": "1", "number": "10000"},
    "contacts": {"id": "1", "contactid": "1", "@syncEngine.account": "00000000-0000-0000-0000-000000000002"},
    "accounts": {"accountid": "1"},
    "debtor": {
        "No": "1",
        "Name": "x",
        "Town": None,
        "Limit": 1,
        "Paused": "no",
        "State": "A",
        "Until": None,
        "Phone": "",
        "Segment": None,
    },
}
VALUES: dict[str, list[Any]] = {
    "country": ["DK", None],
    "credit_limit": ["1234.5", "0.01", None],
    "status": ["active", "blocked"],
    "chasing_paused": [True, False],
    "pause_until": ["2026-12-31", None],
    "language": ["da", None],
}
TEXTS = ["HANSEN & SØN", 'O\'Neill "Ltd"', None]


def normaliser(name: str) -> Normaliser:
    """The normaliser of a source."""
    plugin, settings = SOURCES[name]
    found: Normaliser = plugin.normaliser(name, plugin.settings.model_validate(settings))
    return found


def cases() -> list[tuple[str, str, str]]:
    """Source, wire entity and field of all that can be said."""
    found = []
    for name, entities in (
        ("business_central", ("customers", "contacts")),
        ("dynamics_crm", ("accounts", "contacts")),
        ("sql", ("debtor",)),
    ):
        speaks = normaliser(name)
        assert isinstance(speaks, WritesFields)
        found += [(name, entity, field) for entity in entities for field in speaks.writes(entity)]
    return found


@pytest.mark.parametrize(("name", "entity", "field"), cases())
def test_what_is_said_is_read_back(name: str, entity: str, field: str) -> None:
    """Every field, with and without a value."""
    speaks = normaliser(name)
    assert isinstance(speaks, WritesFields)
    for value in VALUES.get(field, TEXTS):
        said = {
            k: float(v) if isinstance(v, Decimal) else v
            for k, v in speaks.to_wire(entity, {field: value}).items()
        }
        there = {k: v for k, v in BARE[entity].items() if k.casefold() not in said}
        read = speaks.normalise(entity, [("1", msgspec.json.encode({**there, **said}))])
        assert read.failed == []
        claim = read.drafts[0].values
        back = claim["custom"][field.removeprefix("custom.")] if field.startswith("custom.") else claim[field]
        assert back == value, (said, claim)


def test_what_has_no_column_or_no_code_is_not_said() -> None:
    """A constant, a column whose blank says nothing, a value without a code; the first of several codes is taken."""
    speaks = normaliser("sql")
    assert isinstance(speaks, WritesFields)
    assert {"language", "phone"} & set(speaks.writes("debtor")) == set()
    assert speaks.to_wire("debtor", {"status": "blocked"}) == {"state": "X"}
    with pytest.raises(MappingFailed, match="no code"):
        speaks.to_wire("debtor", {"status": "inactive"})


def test_some_fields_are_never_said() -> None:
    """A number is what a record is known by; what a connector makes up stands on no wire."""
    central, crm = normaliser("business_central"), normaliser("dynamics_crm")
    assert isinstance(central, WritesFields)
    assert isinstance(crm, WritesFields)
    assert "number" not in central.writes("customers")
    assert central.writes("salesInvoices") == {}
    assert {"registration_no", "currency", "owner_code"} & set(crm.writes("accounts")) == set()
    assert crm.writes("accounts")["vat_no"] == "new_vatnumber"
