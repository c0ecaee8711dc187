"""What people and systems spell differently, levelled before it is compared: names, human numbers, addresses.

Pure text; official numbers are `company_numbers`, phones `phones`, and which record is meant is `matching`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container
from functools import lru_cache

MAIL_PROVIDERS = frozenset((
    "163.com", "aol.com", "bluewin.ch", "free.fr", "gmail.com", "gmx.ch", "gmx.de", "gmx.net", "googlemail.com", "hotmail.com", "icloud.com", "jubii.dk",
    "laposte.net", "libero.it", "live.com", "live.dk", "mac.com", "mail.com", "mail.dk", "me.com", "msn.com", "online.no", "orange.fr", "outlook.com",
    "proton.me", "protonmail.com", "qq.com", "stofanet.dk", "t-online.de", "telia.com", "wanadoo.fr", "web.de", "yahoo.com", "yahoo.de", "yandex.ru",
))  # fmt: skip
"""Strangers share these domains; others that many debtors share are found by counting."""
LEGAL_FORMS = {
    **{form: form for form in (
        "ab", "ag", "amba", "ans", "aps", "as", "asa", "bv", "bvba", "corp", "doo", "ek", "enk", "eurl", "ev", "fmba", "gbr", "gmbh", "hb", "inc", "is", "ivs",
        "kb", "kft", "kg", "kgaa", "ks", "ky", "lda", "llc", "llp", "lp", "ltd", "nuf", "nv", "ohg", "oy", "oyj", "plc", "ps", "pty", "pvt", "sa", "sarl",
        "sas", "sasu", "scrl", "se", "sl", "slu", "smba", "snc", "spa", "srl", "sro", "ug", "vof",
    )},
    "limited": "ltd", "incorporated": "inc", "corporation": "corp", "aktieselskab": "as", "anpartsselskab": "aps", "aktiebolag": "ab",
    "aktiengesellschaft": "ag", "mbh": "gmbh", "abp": "oyj", "ekfm": "ek", "ekfr": "ek",
}  # fmt: skip
UNTOLD_FORMS = frozenset(("co", "company", "cie", "and", "og", "und", "et", "och", "y", "e", "publ"))
LEADING_FORMS = frozenset(("ab", "oy", "sa", "as", "ks", "aps", "ivs", "gmbh", "sarl", "srl"))
STROKED_FORM = re.compile(r"\s*[ip]/s\b", re.IGNORECASE)
"""Forms in front that are words without their stroke."""
SPACED_FORMS = {
    ("sp", "z", "oo"): "spzoo",
    ("sa", "rl"): "sarl",
    ("s", "a", "rl"): "sarl",
    ("e", "k"): "ek",
    ("e", "kfm"): "ek",
    ("e", "kfr"): "ek",
}
"""Forms that are written with blanks in them: `S.à r.l.`, `e. K.`"""
INITIALS = "e"
"""No form in front begins with it: `E. K. Hansen` is somebody's name."""
STATES = frozenset((
    ("i", "likvidation"), ("under", "likvidation"), ("under", "frivillig", "likvidation"), ("under", "konkurs"), ("i", "konkurs"), ("konkursbo",),
    ("under", "tvangsoplosning"), ("under", "rekonstruktion"), ("under", "avvikling"), ("tvangsavvikling",), ("in", "liquidation"), ("in", "liqu"), ("il",),
    ("i", "l"), ("in", "insolvenz"), ("in", "liquidatie"), ("en", "liquidation"), ("selvitystilassa",), ("konkurssissa",), ("in", "liquidazione"),
    ("konkurs",), ("en", "liquidation", "judiciaire"), ("w", "likwidacji"), ("in", "receivership"), ("in", "administration"),
))  # fmt: skip
"""What becomes of a company is neither its name nor its form; levelled as `words` does."""
SPECIAL = str.maketrans({"ø": "o", "æ": "ae", "œ": "oe", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i"})
SHORT_VOWELS = (("ae", "a"), ("oe", "o"), ("ue", "u"), ("aa", "a"))


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
    left, forms = list(words(name)), set[str]()
    if (in_front := _in_front(left, name)) and len(left) > len(in_front):
        left = left[len(in_front) :]
        forms.update({SPACED_FORMS[in_front]} if in_front in SPACED_FORMS else in_front)
    left = _without_end(left, STATES)
    if (shorter := _without_end(left, SPACED_FORMS)) != left:
        left, forms = shorter, {SPACED_FORMS[tuple(left[len(shorter) :])]}
    while len(left) > 1 and (left[-1] in LEGAL_FORMS or left[-1] in UNTOLD_FORMS):
        word = left.pop()
        if word in LEGAL_FORMS:
            forms.add(LEGAL_FORMS[word])
    return " ".join([w for w in left if w not in UNTOLD_FORMS] or left), frozenset(forms)


def _in_front(left: list[str], name: str) -> tuple[str, ...]:
    """The words of a legal form that a name begins with."""
    for n in (3, 2):
        if tuple(left[:n]) in SPACED_FORMS and left[0] != INITIALS:
            return tuple(left[:n])
    return tuple(left[:1]) if left and (left[0] in LEADING_FORMS or STROKED_FORM.match(name)) else ()


def _without_end(left: list[str], ends: Container[tuple[str, ...]]) -> list[str]:
    """Words without the longest of these ends they have."""
    return next((left[:-n] for n in (3, 2, 1) if tuple(left[-n:]) in ends), left)


def level_digits(text: str) -> str:
    """Digits of any script and width as plain ones, letters without accents."""
    return text if text.isascii() else "".join(map(_plain_digit, unicodedata.normalize("NFKD", text)))


def _plain_digit(letter: str) -> str:
    """A digit as a plain one, an accent as nothing, anything else as it is."""
    if unicodedata.combining(letter):
        return ""
    return str(unicodedata.decimal(letter)) if letter.isdecimal() else letter


def plain(number: str | None) -> str | None:
    """A human number as it is compared: trimmed, case-folded; leading zeros tell something and stay."""
    return number.strip().casefold() or None if number else None


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
