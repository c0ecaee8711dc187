"""Phone numbers as people write them, and what of them is compared: country codes, trunk zeros, extensions and words beside them fall away.

Where a number ends in the text around it is the knowledge of the library phonenumbers; its keypad letters are not wanted here.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache

from sync_engine.matching.text import level_digits

COMPARED = 8
"""So many last digits: who leaves out the country or the area still has the same number."""
SHORTEST, LONGEST = 7, 15
PLAIN = re.compile(r"[\d\s().\-/+]*")
BETWEEN = (r"\s/\s|[;,\n]", r"[;,/\n]")
"""What may stand between two numbers; a stroke without blanks is more often inside one."""
NUMBER = re.compile(r"[(+]*\d[\d\s().\-/]*")


@lru_cache(maxsize=1 << 17)
def phone_digits(phone: str | None) -> str | None:
    """The last eight digits of the first number there is, without country code and trunk zeros; None for what reaches nobody.

    `+354 123 4567` and `123 4567` are one; of `+43 316 123456 Fax` and `12 34 56 78 ext 5` the words and what is behind them is left away.
    """
    if not phone or (number := _first(level_digits(phone))) is None:
        return None
    digits = _national(number)
    return digits[-COMPARED:] if len(digits) >= SHORTEST and len(set(digits)) > 2 else None


def _first(text: str) -> str | None:
    """The first number in a text, with the plus that may be before it; where there are words, one with a plus before all others."""
    if not PLAIN.fullmatch(text):
        import phonenumbers  # its tables are read when the first number in words is met

        for found in phonenumbers.PhoneNumberMatcher(text, None, phonenumbers.Leniency.POSSIBLE):
            return f"+{found.number.country_code}{found.number.national_number}"
    parts = (
        number for between in BETWEEN for part in re.split(between, text) for number in NUMBER.findall(part)
    )
    return next((number for number in parts if SHORTEST <= len(_digits(number)) <= LONGEST), None)


def _digits(text: str) -> str:
    return re.sub(r"\D", "", text)


def _national(number: str) -> str:
    digits = _without_zeros(_digits(number))
    is_international = number.startswith(("+", "(+", "00", "(00"))
    return _without_zeros(_without_code(digits)) if is_international else digits


def _without_zeros(digits: str) -> str:
    return re.sub("^0+", "", digits)


def _without_code(digits: str) -> str:
    """What is behind the country code; all of it where there is no such code."""
    return next((digits[n:] for n in (1, 2, 3) if digits[:n] in _country_codes()), digits)


@cache
def _country_codes() -> frozenset[str]:
    import phonenumbers

    return frozenset(map(str, phonenumbers.COUNTRY_CODE_TO_REGION_CODE))
