"""What a person may type into a field, wherever he does: pins, imports, statements of the inbox, groups, plans. One model per entity.

Every value is what a claim holds afterwards; what cannot be one is refused with what the field takes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from sync_engine.canonical.countries import country_of, is_country

YES = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
DEBTOR_STATES, CONTACT_STATES = ("active", "blocked", "inactive"), ("active", "inactive")
COLLECTION_STATES = ("none", "disputed", "promised", "instalments", "paused", "closed")
FORMER_CURRENCIES = frozenset(("ANG", "ATS", "BEF", "BGN", "CHW", "CNH", "DEM", "EEK", "ESP", "FIM", "FRF", "GRD", "HRK", "IEP", "ITL", "LTL", "LUF", "LVL",
    "NLG", "PTE", "SIT", "SKK"))  # fmt: skip
"""Old documents are in them, and the list of those in use has them no more."""
LONGEST_TEXT = 2000
EARLIEST, LATEST = date(1900, 1, 1), date(2200, 1, 1)
_EMAIL = re.compile(r"[^@\s<>;,\"]+@[^@\s<>;,\"]+\.[^@\s<>;,.\"]{2,}")
_PHONE = re.compile(r"\+?[\d\s().\-/]+(?:(?:ext|x|lok|int)\.?\s*\d{1,6})?", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


class Unfit(ValueError):
    """Why a value cannot be that of a field: what the field takes, in words for who typed it."""


def _text(said: Any) -> str | None:
    if isinstance(said, dict | list | bool):
        raise Unfit("it takes text")
    text = str(said).strip()
    if _CONTROL.search(text) or len(text) > LONGEST_TEXT:
        raise Unfit(f"it takes text of at most {LONGEST_TEXT:,} characters, without control characters")
    return text or None


def _said(read: Callable[[str], Any]) -> Callable[[Any], Any]:
    """Blank is nothing, in every kind of field."""
    return lambda said: None if said is None or (text := _text(said)) is None else read(text)


def _one_of(*words: str) -> Any:
    def read(text: str) -> str:
        if text.casefold() not in words:
            raise Unfit(f"it takes one of {', '.join(words)}")
        return text.casefold()

    return Annotated[str | None, BeforeValidator(_said(read))]


def _country(text: str) -> str:
    code = country_of(text)
    if code is None or not is_country(code):
        raise Unfit("it takes a country's name or its two letters, such as DK")
    return code


@cache
def _currencies() -> frozenset[str]:
    import pycountry

    return frozenset(c.alpha_3 for c in pycountry.currencies) | FORMER_CURRENCIES


def _currency(text: str) -> str:
    if text.upper() not in _currencies():
        raise Unfit("it takes a currency's three letters, such as EUR")
    return text.upper()


def _language(text: str) -> str:
    import pycountry

    bare, _, where = text.partition("-")
    known = (
        len(bare) in (2, 3)
        and bare.isascii()
        and bare.isalpha()
        and pycountry.languages.get(**{f"alpha_{len(bare)}": bare.lower()})
    )
    if not known or (where and not is_country(where.upper())):
        raise Unfit("it takes a language's letters, such as da or de-AT")
    return f"{bare.lower()}-{where.upper()}" if where else bare.lower()


def _email(text: str) -> str:
    parts = [part.strip() for part in text.split(";") if part.strip()]
    if not parts or not all(_EMAIL.fullmatch(part) for part in parts):
        raise Unfit(
            "it takes an e-mail address, such as ada@example.com; several with a semicolon between them"
        )
    return "; ".join(parts)


def _phone(text: str) -> str:
    digits = sum(c.isdigit() for c in text)
    if not _PHONE.fullmatch(text) or not 3 <= digits <= 20:
        raise Unfit("it takes a phone number, such as +45 12 34 56 78")
    return text


def _website(text: str) -> str:
    if not re.fullmatch(r"(?:https?://)?[^\s/@]+\.[^\s/@.]{2,}(?:[/?#]\S*)?", text, re.IGNORECASE):
        raise Unfit("it takes a web address, such as www.example.com")
    return text


def _official(text: str) -> str:
    if sum(c.isdigit() for c in text) < 3 or len(text) > 40:
        raise Unfit("it takes a registration or VAT number, such as DK12345674")
    return text


def _number(text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise Unfit("it takes a number such as 25000.50: a point before the decimals, no separators")
    return number


def _amount(text: str) -> str:
    """An amount that the store can hold: 15 digits before the point, 4 behind."""
    number = _number(text)
    if abs(number) >= 10**15 or (number and number.adjusted() < -4) or number != round(number, 4):
        raise Unfit("it takes an amount of at most 15 digits before the point and 4 behind it")
    return f"{number:f}"


def _limit(text: str) -> str:
    if _number(text) < 0:
        raise Unfit("it takes an amount that is not negative: 0 is no credit, empty is no limit")
    return _amount(text)


def _percentage(text: str) -> str:
    number = _number(text)
    if not 0 <= number <= 1000:
        raise Unfit("it takes a percentage from 0 to 1000")
    return f"{round(number, 4).normalize():f}"


def _day(text: str) -> str:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        raise Unfit("it takes a date, such as 2026-12-31") from None
    if len(text) != 10 or not EARLIEST <= found < LATEST:
        raise Unfit(f"it takes a date from {EARLIEST:%Y} to {LATEST:%Y}, such as 2026-12-31")
    return text


def _flag(said: Any) -> bool | None:
    if said is None or isinstance(said, bool):
        return said
    text = str(said).strip().casefold()
    if text and text not in YES:
        raise Unfit("it takes true or false, yes or no")
    return YES[text] if text else None


def _members(said: Any) -> dict[str, Any] | None:
    if said is None or isinstance(said, dict):
        return said
    raise Unfit("it takes named values, not one value")


Text = Annotated[str | None, BeforeValidator(lambda said: None if said is None else _text(said))]
Country = Annotated[str | None, BeforeValidator(_said(_country))]
Currency = Annotated[str | None, BeforeValidator(_said(_currency))]
Language = Annotated[str | None, BeforeValidator(_said(_language))]
Email = Annotated[str | None, BeforeValidator(_said(_email))]
Phone = Annotated[str | None, BeforeValidator(_said(_phone))]
Official = Annotated[str | None, BeforeValidator(_said(_official))]
Limit = Annotated[str | None, BeforeValidator(_said(_limit))]
Amount = Annotated[str | None, BeforeValidator(_said(_amount))]
Percentage = Annotated[str | None, BeforeValidator(_said(_percentage))]
Day = Annotated[str | None, BeforeValidator(_said(_day))]
Flag = Annotated[bool | None, BeforeValidator(_flag)]
Members = Annotated[dict[str, Any] | None, BeforeValidator(_members)]


class _ByHand(BaseModel):
    model_config = ConfigDict(extra="forbid", validate_assignment=True, defer_build=True)
    # built when somebody has typed something: every run imports this, few need it


class DebtorByHand(_ByHand):
    """A debtor's fields as claims name them."""

    number: Text = None
    external_number: Text = None
    name: Text = None
    kind: _one_of("company", "person") = None  # type: ignore[valid-type]
    status: _one_of(*DEBTOR_STATES) = None  # type: ignore[valid-type]
    block_reason: _one_of("ship", "invoice", "all", "privacy") = None  # type: ignore[valid-type]
    currency: Currency = None
    vat_no: Official = None
    registration_no: Official = None
    language: Language = None
    email: Email = None
    phone: Phone = None
    website: Annotated[str | None, BeforeValidator(_said(_website))] = None
    address_line1: Text = None
    address_line2: Text = None
    city: Text = None
    region: Text = None
    postcode: Text = None
    country: Country = None
    payment_terms_key: Text = None
    credit_limit: Limit = None
    erp_balance: Amount = None
    credit_alert_pct: Percentage = None
    chasing_paused: Flag = None
    pause_reason: Text = None
    pause_until: Day = None
    parent_key: Text = None
    owner_code: Text = None
    portfolio_key: Text = None
    is_intercompany: Flag = None
    custom: Members = None


class ContactByHand(_ByHand):
    """A contact's fields as claims name them."""

    debtor_key: Text = None
    number: Text = None
    first_name: Text = None
    last_name: Text = None
    full_name: Text = None
    email: Email = None
    phone: Phone = None
    mobile: Phone = None
    title: Text = None
    position: Text = None
    is_primary: Flag = None
    status: _one_of(*CONTACT_STATES) = None  # type: ignore[valid-type]
    language: Language = None
    privacy_blocked: Flag = None
    origin_field: Text = None
    custom: Members = None


class DocumentByHand(_ByHand):
    """What collections say about a document."""

    owner_code: Text = None
    promised_date: Day = None
    dispute_reason: Text = None
    collection_status: _one_of(*COLLECTION_STATES) = None  # type: ignore[valid-type]


class GroupByHand(_ByHand):
    """A group of debtors."""

    name: Text = None
    credit_limit: Limit = None


MODELS: Mapping[str, type[_ByHand]] = {
    "debtor": DebtorByHand,
    "contact": ContactByHand,
    "document": DocumentByHand,
    "group": GroupByHand,
}


MEMBER = re.compile(r"custom\.[^\x00-\x1f\x7f\ud800-\udfff]{1,200}")
"""A custom field by the name that rules, pins and explanations give it: `custom.segment`."""


def checked(entity: str, field: str, value: Any) -> Any:
    """A value as a claim holds it. Raises Unfit that says what the field takes."""
    if MEMBER.fullmatch(field):
        return value if value is None or isinstance(value, bool | int) else _text(value)
    record = MODELS[entity]()
    try:
        setattr(record, field, value)
    except ValidationError as error:
        raise Unfit(
            error.errors(include_url=False, include_input=False)[0]["msg"].removeprefix("Value error, ")
        ) from None
    return getattr(record, field)
