"""Cells as people write them: amounts, dates and instants as plain text."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache

from mappings.toolkit.fields import is_zero
from mappings.toolkit.rows import looks
from sync_engine.canonical.cells import plain_number


@lru_cache(maxsize=8)
def _grouped(decimal: str) -> re.Pattern[str]:
    thousands = "," if decimal == "." else r"\."
    return re.compile(
        rf"(?P<whole>\d{{1,3}}(?P<sep>[{thousands} '\u2019\u00a0\u202f])\d{{3}}(?:(?P=sep)\d{{3}})*|\d*)(?:{re.escape(decimal)}(?P<part>\d*))?"
    )


class Unclear(Exception):
    """What a cell says cannot be told without a word in the mapping; the sentence says which."""


_EITHER = re.compile(r"[1-9]\d{0,2}[.,]\d{3}")
"""A thousand and some, or a number with three decimals: 1.234."""


def decimal_text(text: str, decimal: str | None, *, negate: bool = False) -> str:
    """An amount in text as plain decimal text; what is no amount stays as it is, for the field type to refuse.

    `1.234,50`, `1 234,50`, `(1,234.50)`, `1234.50-` are amounts. `decimal` None: nobody declared the separator; it is a point where
    the text leaves no other reading. Raises Unclear for `1.234` then, and for text that fits the other separator only.
    """
    shorn = text.strip().replace("\u2212", "-")
    sign = shorn.startswith("-") or shorn.endswith("-") or (shorn.startswith("(") and shorn.endswith(")"))
    bare = shorn.strip("+-()").strip()
    if decimal is None and _EITHER.fullmatch(bare):
        raise Unclear(f"could be a thousand or a fraction, {looks(bare)}; {_DECLARE}")
    found = _grouped(decimal or ".").fullmatch(bare)
    if found is not None and (found["whole"] or found["part"]):
        whole = re.sub(r"\D", "", found["whole"]) or "0"
        part = (found["part"] or "").rstrip("0")
        return signed(f"{whole}.{part}" if part else whole, negate=sign != negate)
    if (plain := _exponent(bare)) is not None:
        return signed(plain, negate=sign != negate)
    if bare and _grouped("." if decimal == "," else ",").fullmatch(bare):
        raise Unclear(
            f"is {looks(bare)}, which does not fit the decimal separator {decimal or '.'!r}; {_DECLARE}"
        )
    return text


_DECLARE = 'say decimal: "." or decimal: "," for the column or the source'


def signed(plain: str, *, negate: bool) -> str:
    """Plain decimal text, turned where the source has the other sign; nought has none."""
    if is_zero(plain):
        return "0"
    if not negate:
        return plain
    return plain[1:] if plain.startswith("-") else f"-{plain}"


def _exponent(text: str) -> str | None:
    """A number as programs write very large and small ones, `1.5e-05`."""
    if not re.fullmatch(r"\d+(?:\.\d+)?[eE][+-]?\d{1,2}", text):
        return None
    return plain_number(text)


@lru_cache(maxsize=20_000)
def date_text(text: str, formats: tuple[str, ...]) -> str:
    """A business date as ISO text; a time of day beside it is left out. What is no date stays as it is.

    Raises Unclear where the formats read different days.
    """
    said = text.strip()
    days = {day for written in formats if (day := _day(said, written)) is not None}
    with suppress(ValueError):
        days.add(datetime.fromisoformat(said).date().isoformat())
    if len(days) > 1:
        raise Unclear(
            f"is {looks(said)}, and the declared date formats read different days; declare one of them for the column"
        )
    return days.pop() if days else text


def _day(said: str, written: str) -> str | None:
    if _PACKED.fullmatch(written):
        width = sum(4 if letter == "Y" else 2 for letter in written if letter != "%")
        if not said.isdigit() or not width - 1 <= len(said) <= width:
            return None
        said = said.zfill(width)  # a spreadsheet made a number of it, and the nought in front is gone
    try:
        return datetime.strptime(said, written).date().isoformat()  # noqa: DTZ007 - a business date has no zone
    except ValueError:
        return None


_PACKED = re.compile("(?:%[dmyY])+")
"""A format without anything between its parts, which strptime would split where it likes: 1032026 as the 10th of March."""


@lru_cache(maxsize=20_000)
def instant_text(text: str) -> str:
    """An instant as ISO text in UTC; without a zone it is taken to be UTC."""
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        return text
    return (found.astimezone(UTC) if found.tzinfo else found).strftime("%Y-%m-%dT%H:%M:%SZ")
