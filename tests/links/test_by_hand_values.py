"""What a person types is checked alike wherever he types it: a pin, the inbox, an import, a group; and never by the database."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text

from mappings.toolkit.columns.settings import CODES
from sync_engine.canonical.by_hand import MODELS, Unfit, checked
from sync_engine.canonical.contact import CONTACT
from sync_engine.canonical.debtor import DEBTOR
from sync_engine.canonical.inbox import SAYABLE, Refusal, understood
from sync_engine.errors import ConfigurationError
from sync_engine.ops.decisions import groups, links
from sync_engine.ops.decisions.operations import PinField, SetParent
from sync_engine.ops.decisions.plan import do
from tests.links.support import World

BAD: dict[str, tuple[Any, ...]] = {
    "status": ("closed", "1"), "kind": ("firm",), "block_reason": ("sometimes",), "currency": ("EURO", "E", "XQZ"), "country": ("Atlantis", "ZZ", "DKK"),
    "language": ("Danish", "qq", "da-ZZ", "d"), "email": ("ada", "ada@", "a b@x.dk", "a@x.dk; b"), "phone": ("n/a", "12", "1" * 30, "call me"),
    "mobile": ("n/a",), "website": ("nope", "a b.dk"), "vat_no": ("n/a", "1" * 50), "registration_no": ("none",),
    "credit_limit": ("1" * 20, "-1", "1,5", "NaN", "Infinity", "1e999999", "0.00001", "much"), "credit_alert_pct": ("-1", "1001", "x", "NaN"),
    "pause_until": ("2026-02-30", "20260228", "28.02.2026", "0001-01-01", "9999-12-31", "soon"), "promised_date": ("2026-02-30", "tomorrow"),
    "chasing_paused": ("maybe", "2"), "is_intercompany": ("ja, doch",), "is_primary": ("first",), "privacy_blocked": ("x",), "custom": ("gold", "[1]"),
    "collection_status": ("done",),
}  # fmt: skip
TEXTS = ("a\x00b", "\ud83c", "x" * 2001)
"""What is no text in any field."""


def fields(entity: str) -> list[str]:
    """The fields of the canonical entity as claims name them."""
    return [f.name for f in {"debtor": DEBTOR, "contact": CONTACT}[entity]]


@pytest.mark.parametrize("entity", ["debtor", "contact"])
def test_every_field_has_a_type_by_hand(entity: str) -> None:
    """One that is added to the entity must be added to what people may type, and what a file's codes may be is what people may say."""
    assert set(MODELS[entity].model_fields) == set(fields(entity))
    for (of, name), codes in CODES.items():
        if of == entity:
            assert [code for code in codes if checked(entity, name, code) != code] == []


@pytest.mark.parametrize("entity", sorted(MODELS))
def test_no_field_takes_what_is_none(entity: str) -> None:
    """Every field of every entity, with every bad value of its kind; blank is nothing in all of them."""
    for name in MODELS[entity].model_fields:
        for bad in (*BAD.get(name, ()), *TEXTS):
            with pytest.raises(Unfit, match="it takes"):
                checked(entity, name, bad)
        assert checked(entity, name, None) is None
        assert name == "custom" or checked(entity, name, "  ") is None


@pytest.mark.parametrize(("name", "typed", "kept"), [
    ("country", "Denmark", "DK"), ("country", "dänemark", "DK"), ("country", "UK", "GB"), ("currency", "eur", "EUR"), ("currency", "DEM", "DEM"),
    ("language", "da", "da"), ("language", "DE-at", "de-AT"), ("email", " ada@x.dk ", "ada@x.dk"), ("email", "a@x.dk;b@x.dk", "a@x.dk; b@x.dk"),
    ("phone", "+45 12 34 56 78 ext 5", "+45 12 34 56 78 ext 5"), ("website", "www.x.dk", "www.x.dk"), ("credit_limit", "1E5", "100000"),
    ("credit_limit", "999999999999999.9999", "999999999999999.9999"), ("credit_alert_pct", "80.00", "80"), ("pause_until", "2026-12-31", "2026-12-31"),
    ("chasing_paused", "Yes", True), ("chasing_paused", False, False), ("status", "Blocked", "blocked"), ("vat_no", "DK12345674", "DK12345674"),
    ("custom", {"segment": "gold"}, {"segment": "gold"}),
])  # fmt: skip
def test_what_is_understood_is_kept_as_a_claim_has_it(name: str, typed: Any, kept: Any) -> None:
    """A country in words becomes its code, a word becomes yes or no, an amount loses its exponent."""
    assert checked("debtor", name, typed) == kept


def test_a_pin_takes_nothing_bad(running: World) -> None:
    """Every field that can be pinned, with every bad value of its kind: one sentence that says what it takes, and never a word of the database."""
    records = {
        "debtor": "10000",
        "contact": str(
            running.one("SELECT id FROM canonical.contact WHERE full_name = 'Anna Hansen' LIMIT 1")
        ),
    }
    for entity, record in records.items():
        for name in fields(entity):
            for bad in (*BAD.get(name, ()), *TEXTS[:2]):
                with pytest.raises(ConfigurationError) as refused:
                    links.pin(running.runtime, record, name, bad, entity=entity, by="ada")  # type: ignore[arg-type]
                assert "it takes" in str(refused.value) or "cannot be pinned" in str(refused.value), (
                    name,
                    bad,
                    str(refused.value),
                )


def test_a_debtor_is_not_given_the_number_of_another(running: World) -> None:
    """It would be found instead of him; his own number and a new one may be pinned."""
    with pytest.raises(ConfigurationError, match="10001 is the number of Müller GmbH"):
        links.pin(running.runtime, "10000", "number", "10001", by="ada")
    with pytest.raises(ConfigurationError, match="is the number of Müller GmbH"):
        links.pin(running.runtime, "10000", "number", "１０００１", by="ada")
    do(running.runtime, PinField(record="10001", field="external_number", value="x-1"), by="ada")
    with pytest.raises(ConfigurationError, match="X-1 is the external number of Müller GmbH"):
        links.pin(running.runtime, "10000", "external_number", "X-1", by="ada")
    assert links.pin(running.runtime, "10000", "number", "10000", by="ada").hash
    assert links.pin(running.runtime, "10000", "number", "20000", by="ada").hash


def test_a_debtor_keeps_what_it_is_found_and_called_by(running: World) -> None:
    """Number and name can be pinned to another one, and not to nothing; an external number can."""
    for field in ("number", "name"):
        for nothing in (None, "", "  "):
            with pytest.raises(ConfigurationError, match="cannot be emptied"):
                links.pin(running.runtime, "10000", field, nothing, by="ada")
    assert links.pin(running.runtime, "10000", "external_number", None, by="ada").hash


def test_a_pinned_parent_closes_no_circle(running: World) -> None:
    """As a field or as a parent: it is the same decision, and refused in the same words."""
    do(running.runtime, SetParent(debtor="10001", parent="10000"), by="ada")
    for debtor, parent in (("10000", "10000"), ("10000", "10001")):
        with pytest.raises(ConfigurationError, match="a debtor cannot stand under itself"):
            links.pin(running.runtime, debtor, "parent_key", parent, by="ada")


def test_the_inbox_takes_nothing_bad(running: World) -> None:
    """What an application says is checked as a person's word is, field by field."""
    for entity, sayables in SAYABLE.items():
        for field, sayable in sayables.items():
            for bad in (*BAD.get(sayable.field, ()), *(TEXTS if sayable.kind == "text" else ())):
                with pytest.raises(Refusal, match="it takes"):
                    understood(entity, field, json.dumps(bad))


def test_a_group_takes_no_limit_that_the_store_cannot_hold(running: World) -> None:
    """Twenty digits are refused in a sentence, by the name of the group."""
    with pytest.raises(ConfigurationError, match=r"Nord: .*15 digits"):
        groups.set_group(running.runtime, "Nord", credit_limit=Decimal("1" * 20), by="ada")
    with pytest.raises(ConfigurationError, match="not negative"):
        groups.set_group(running.runtime, "Nord", credit_limit=Decimal(-1), by="ada")
    with running.store.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM canonical.debtor_group")).scalar() == 0
