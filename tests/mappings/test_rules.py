"""Rules that a person declares: positions, numbers, and that mistakes in them are told at load."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from mappings.business_central import BusinessCentralMapping, plugin
from mappings.toolkit.rules import Numbers, PositionRules, Positions, identity
from sync_engine.errors import ConfigurationError

RULES = PositionRules(
    rules={"CFO": "Finance director", "Head of  AR": "Head of receivables"},
    patterns={r"^acc(ount)?s?\.? pay": "Accounts payable", "pay": "Payroll"},
)


@pytest.mark.parametrize(
    ("title", "position"),
    [
        ("CFO", "Finance director"),
        ("cfo", "Finance director"),
        ("HEAD OF AR", "Head of receivables"),
        ("Accounts payable clerk", "Accounts payable"),
        ("Acc. Pay", "Accounts payable"),
        ("Payments", "Payroll"),
        (" Chief  of staff ", "Chief  of staff"),
    ],
)
def test_a_title_becomes_a_position(title: str, position: str) -> None:
    """Exact, then without regard to case and white space, then the first pattern, then the title itself."""
    assert Positions(RULES).of(title) == position


def test_strict_leaves_unknown_titles_open() -> None:
    """None: no rule knows it, and the title is not good enough."""
    strict = Positions(RULES.model_copy(update={"strict": True}))
    assert strict.of("Chief of staff") is None
    assert strict.of("cfo") == "Finance director"


def test_identity_of_positions() -> None:
    """Trimmed and case-folded; inner white space tells them apart."""
    assert identity(" STRASSE ") == identity("straße")
    assert identity("a  b") != identity("a b")


def test_numbers_match_whole() -> None:
    """A pattern for IC.* does not cover MAGIC-1, and a record without number is not covered."""
    numbers = Numbers(["IC.*", "#13[0-9]+"])
    assert numbers.cover("IC-DK")
    assert numbers.cover("#1303")
    assert not numbers.cover("MAGIC-1")
    assert not numbers.cover(None)


@pytest.mark.parametrize(
    "wrong",
    [
        {"positions": {"patterns": {"(": "x"}}},
        {"positions": {"rules": {"CFO": " "}}},
        {"intercompany": ["["]},
        {"invoice_reference": "documentNo"},
        {"custom_fields": {"customer": ["x"]}},
        {"draft": True},
    ],
    ids=str,
)
def test_a_wrong_setting_is_told_at_load(wrong: dict[str, object]) -> None:
    """Not when the first record comes."""
    with pytest.raises(ValidationError):
        BusinessCentralMapping.model_validate(wrong)


def test_a_misspelt_ledger_field_lists_the_known_ones() -> None:
    """The field map of an own page names canonical fields."""
    with pytest.raises(ConfigurationError, match=r"remainning.*Known: .*remaining"):
        plugin.normaliser("bc", BusinessCentralMapping(ledger_fields={"remainning": "remAmt"}))
