"""Reading batches: one bad record never costs its neighbours, and no message tells what a record says."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mappings.business_central import plugin
from mappings.toolkit.rows import looks
from sync_engine.errors import ConfigurationError, MappingFailed

NORMALISER = plugin.normaliser("bc", plugin.settings())
GOOD = b'{"number":"10000","displayName":"HANSEN & SOEN","blocked":"_x0020_"}'


@pytest.mark.parametrize(
    ("payload", "says"),
    [
        (b'{"creditLimit":"much"}', "creditLimit should be a decimal number"),
        (b'{"creditLimit":12345678901234567890}', "creditLimit should be a decimal number"),
        (b'{"paymentTermsId":"14 DAYS"}', "paymentTermsId should be a GUID, found text like '99 aaaa'"),
        (
            b'{"lastModifiedDateTime":"2025-02-30T00:00:00Z"}',
            "lastModifiedDateTime should be an instant in UTC",
        ),
        (b'{"displayName":17}', "displayName should be text, found a number"),
        (b'{"displayName":"a\\u0000b"}', "NUL character"),
        (b'{"displayName":"\\ud800"}', "is not a JSON object"),
        (b'{"displayName":"\xff"}', "is not a JSON object"),
        (b'{"displayName":', "is not a JSON object"),
        (b'{"a":1},{"b":2}', "is not a JSON object"),
        (b"", "is not a JSON object"),
        (b"[]", "should be an object, found a list"),
        (b"[" * 100_000, "is not a JSON object"),
    ],
    ids=lambda value: value[:24].decode("latin-1") if isinstance(value, bytes) else "",
)
def test_one_bad_record_of_a_thousand_leaves_999(payload: bytes, says: str) -> None:
    """The bad one fails with a sentence, all others become drafts, in their order."""
    records = [(f"k{n}", GOOD) for n in range(1000)]
    records[617] = ("k617", payload)
    result = NORMALISER.normalise("customers", records)
    assert [draft.key for draft in result.drafts] == [f"k{n}" for n in range(1000) if n != 617]
    ((key, error),) = result.failed
    assert key == "k617"
    assert isinstance(error, MappingFailed)
    assert says in str(error)
    assert str(error).startswith("bc customers k617: ")
    assert error.__cause__ is None
    assert error.__context__ is None


def test_a_message_never_tells_what_a_record_says() -> None:
    """The shape is enough to find the mistake: digits become 9, letters a."""
    payload = b'{"displayName":"Anna Schmidt","lastModifiedDateTime":"on 3 May, anna.schmidt@example.org"}'
    ((_, error),) = NORMALISER.normalise("customers", [("k", payload)]).failed
    assert "anna" not in str(error).lower()
    assert "schmidt" not in str(error).lower()
    assert "'aa 9 aaa, aaaa.aaaaaaa@aaaaaaa.aaa'" in str(error)
    assert isinstance(error, MappingFailed)
    assert error.field == "lastModifiedDateTime"
    assert looks("Å 1 £") == "text like 'a 9 ?'"
    assert looks("x" * 41) == "text of 41 characters"


def test_a_nul_character_in_a_line_fails_its_document() -> None:
    """PostgreSQL stores none, and would refuse the whole batch."""
    row = b'{"billToCustomerId":"5de545bc-f6f9-ef11-9344-6045bdc8c234","salesInvoiceLines":[{"description":"a\\u0000b"}]}'
    ((_, error),) = NORMALISER.normalise("salesInvoices", [("k", row)]).failed
    assert "lines holds a NUL character" in str(error)


def test_absent_says_nothing_and_null_says_empty() -> None:
    """A field the page does not carry is not claimed; a blank one is claimed as None."""
    (draft,) = NORMALISER.normalise("customers", [("k", b'{"city":"","phoneNumber":null}')]).drafts
    assert draft.values == {"city": None, "phone": None}


def test_nothing_in_gives_nothing_out() -> None:
    """An empty batch ends a sweep."""
    assert NORMALISER.normalise("salesInvoices", []).drafts == []


def test_an_unknown_wire_entity_is_a_mistake_of_ours() -> None:
    """The connector offers something that the mapping does not know."""
    with pytest.raises(ConfigurationError, match="no mapping for the wire entity vendors"):
        NORMALISER.normalise("vendors", [])


def test_every_key_is_accounted_for_once() -> None:
    """Read = drafts + failed + excluded, over a mixed batch."""
    rows: list[dict[str, Any]] = [
        {
            "type": ["Person", "Company"][n % 2],
            "contactBusinessRelation": ["Customer", "Vendor", "_x0020_"][n % 3],
            "privacyBlocked": [True, "?"][n % 7 == 0],
        }
        for n in range(700)
    ]
    result = NORMALISER.normalise(
        "contacts", [(str(n), json.dumps(row).encode()) for n, row in enumerate(rows)]
    )
    keys = [d.key for d in result.drafts] + [k for k, _ in result.failed] + [e.key for e in result.excluded]
    assert sorted(keys, key=int) == [str(n) for n in range(700)]
    assert all((result.drafts, result.failed, result.excluded))


@pytest.mark.parametrize(
    ("payload", "readable"),
    [
        (
            b'{"number":"F1","totalAmountIncludingTax":100.50,"dueDate":"soon"}',
            {"number": "F1", "total": "100.5"},
        ),
        (
            b'{"number":"F1","totalAmountIncludingTax":"much","currencyCode":"EUR"}',
            {"number": "F1", "currency": "EUR"},
        ),
        (b'{"number":17,"dueDate":"soon"}', {}),
        (b'{"number":"a\\ud83c","dueDate":"soon"}', {}),
        (b"[]", {}),
    ],
    ids=["a date", "an amount", "all of it", "half a character beside it", "no object"],
)
def test_what_can_be_read_of_a_record_that_fails_is_kept_with_its_error(
    payload: bytes, readable: dict[str, str]
) -> None:
    """Its number and its amount say what is missing; the sentence tells none of them."""
    ((_, error),) = NORMALISER.normalise("salesInvoices", [("k", payload)]).failed
    assert isinstance(error, MappingFailed)
    assert {
        name: error.readable[name] for name in ("number", "total", "currency") if name in error.readable
    } == readable
    assert not [value for value in readable.values() if value in str(error)]
