"""What people and systems spell differently, levelled before it is compared: names, official numbers, phones, addresses.

Pure text; which record is meant is `matching`.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

MAIL_PROVIDERS = frozenset((
    "163.com", "aol.com", "bluewin.ch", "free.fr", "gmail.com", "gmx.ch", "gmx.de", "gmx.net", "googlemail.com", "hotmail.com", "icloud.com", "jubii.dk",
    "laposte.net", "libero.it", "live.com", "live.dk", "mac.com", "mail.com", "mail.dk", "me.com", "msn.com", "online.no", "orange.fr", "outlook.com",
    "proton.me", "protonmail.com", "qq.com", "stofanet.dk", "t-online.de", "telia.com", "wanadoo.fr", "web.de", "yahoo.com", "yahoo.de", "yandex.ru",
))  # fmt: skip
"""Strangers share these domains; others that many debtors share are found by counting."""
LEGAL_FORMS = {
    **{form: form for form in (
        "ab", "ag", "amba", "ans", "aps", "as", "asa", "bv", "corp", "doo", "enk", "eurl", "ev", "gmbh", "hb", "inc", "is", "ivs", "kft", "kg", "kgaa", "ks",
        "lda", "llc", "llp", "lp", "ltd", "nv", "ohg", "oy", "oyj", "plc", "ps", "pty", "pvt", "sa", "sarl", "sas", "sasu", "scrl", "se", "sl", "slu", "spa",
        "srl", "sro", "ug", "vof",
    )},
    "limited": "ltd", "incorporated": "inc", "corporation": "corp", "aktieselskab": "as", "anpartsselskab": "aps", "aktiebolag": "ab",
    "aktiengesellschaft": "ag", "mbh": "gmbh",
}  # fmt: skip
UNTOLD_FORMS = frozenset(("co", "company", "cie", "and", "og", "und", "et", "och", "y", "e"))
LEADING_FORMS = frozenset(("ab", "oy", "sa", "as"))
SPECIAL = str.maketrans({"ø": "o", "æ": "ae", "œ": "oe", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i"})
SHORT_VOWELS = (("ae", "a"), ("oe", "o"), ("ue", "u"), ("aa", "a"))
VAT_PREFIX = {"EL": "GR", "XI": "GB"}
VAT_COUNTRIES = frozenset((
    "AT", "BE", "BG", "CH", "CY", "CZ", "DE", "DK", "EE", "EL", "ES", "FI", "FR", "GB", "GR", "HR", "HU", "IE", "IS", "IT", "LI", "LT", "LU", "LV", "MT", "NL",
    "NO", "PL", "PT", "RO", "SE", "SI", "SK", "XI",
))  # fmt: skip
REGISTERED_WITHIN: dict[str | None, tuple[str, ...]] = {"SE": (r"^(\d{10})01$",), "FR": (r"^\w\w(\d{9})$", r"^(\d{9})\d{5}$")}
"""The registration number inside a Swedish VAT number, a French VAT number, and the number of a French establishment."""
COURT_NUMBER = r"(HR[AB]|GNR|VR|PR)\d+[A-Z]?"
"""A German register number, which many companies have, each at another court."""
JUNK_NUMBERS = frozenset(("12345", "123456", "1234567", "12345678", "123456789", "1234567890", "987654321"))


@lru_cache(maxsize=65536)
def words(text: str) -> tuple[str, ...]:
    """Case, accents, punctuation and the spelling of umlauts levelled: `HANSEN & SØN's A/S` and `Hansen Soens AS` give the same."""
    level = text.casefold()
    if not level.isascii():
        level = unicodedata.normalize("NFKD", level.translate(SPECIAL))
        level = "".join(c for c in level if not unicodedata.combining(c))
    level = re.sub(r"[./'’`´]", "", level)
    for long, short in SHORT_VOWELS:
        level = level.replace(long, short)
    return tuple(re.findall(r"[^\W_]+", level))


@lru_cache(maxsize=65536)
def name_and_form(name: str) -> tuple[str, frozenset[str]]:
    """The levelled name without its legal form, and the form where it tells something: (`hansen son`, {`as`})."""
    left, forms = list(words(name)), set()
    if len(left) > 1 and left[0] in LEADING_FORMS:
        forms.add(left.pop(0))
    if left[-3:] == ["sp", "z", "oo"]:
        left, forms = left[:-3], {"spzoo"}
    while len(left) > 1 and (left[-1] in LEGAL_FORMS or left[-1] in UNTOLD_FORMS):
        word = left.pop()
        if word in LEGAL_FORMS:
            forms.add(LEGAL_FORMS[word])
    return " ".join([w for w in left if w not in UNTOLD_FORMS] or left), frozenset(forms)


@lru_cache(maxsize=1 << 17)
def official_number(number: str | None, country: str | None) -> tuple[str | None, str] | None:
    """(country, digits and letters) of a registration or VAT number; None for what identifies nobody (blank, zeros, 12345678, HRB 4711).

    A VAT number and the registration number it is made of give the same where a country makes it so.
    """
    if not number:
        return None
    bare, where = re.sub(r"[^0-9A-Z]", "", number.upper()), country_of(country)
    if re.fullmatch(COURT_NUMBER, bare):
        return None
    if re.match(r"CHE\d", bare):
        where, bare = "CH", bare[3:]
    elif bare[:2] in VAT_COUNTRIES and re.match(r"..\w?\d", bare):
        where, bare = VAT_PREFIX.get(bare[:2], bare[:2]), bare[2:]
    bare = re.sub(r"(MVA|MWST|TVA|IVA|VAT)$", "", bare)
    for part in REGISTERED_WITHIN.get(where, ()):
        bare = re.sub(part, r"\1", bare)
    bare = bare.lstrip("0")
    if sum(c.isdigit() for c in bare) < 5 or len(set(bare)) < 2 or bare in JUNK_NUMBERS:
        return None
    return where, bare


def country_of(text: str | None) -> str | None:
    """A country's two letters in capitals; what is written out in words is not compared."""
    return text.upper() if text and len(text) == 2 else None


def plain(number: str | None) -> str | None:
    """A human number as it is compared: trimmed, case-folded; leading zeros tell something and stay."""
    return number.strip().casefold() or None if number else None


def phone_digits(phone: str | None) -> str | None:
    """The last eight digits: what is left when country codes and trunk zeros are written as people please."""
    digits = re.sub(r"\D", "", phone) if phone else None
    return digits[-8:] if digits and len(digits) >= 7 and len(set(digits)) > 2 else None


def mailbox(email: str | None) -> str | None:
    """The domain of an address, or the whole address at a provider where strangers share the domain."""
    if not email:
        return None
    address = email.strip().casefold()
    local, _, domain = address.rpartition("@")
    if not local or "." not in domain:
        return None
    return address if domain in MAIL_PROVIDERS else domain


def postcode_of(text: str | None) -> str | None:
    """A postcode without blanks and dashes, in capitals."""
    return re.sub(r"\W", "", text).upper() or None if text else None
