"""Cells as people write them: amounts, dates and instants as plain text."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache

from mappings.fields import is_zero


@lru_cache(maxsize=8)
def _grouped(decimal: str) -> re.Pattern[str]:
    thousands = "," if decimal == "." else r"\."
    return re.compile(rf"(?P<whole>\d{{1,3}}(?P<sep>[{thousands} '\u2019\u00a0\u202f])\d{{3}}(?:(?P=sep)\d{{3}})*|\d*)(?:{re.escape(decimal)}(?P<part>\d*))?")


def decimal_text(text: str, decimal: str, *, negate: bool = False) -> str:
    """An amount as plain decimal text; what is no amount stays as it is, for the field type to refuse.

    `1.234,50`, `1 234,50`, `(1,234.50)`, `1234.50-` are amounts; `1,5` with a point as separator is not taken for 15.
    """
    shorn = text.strip().replace("\u2212", "-")
    sign = shorn.startswith("-") or shorn.endswith("-") or (shorn.startswith("(") and shorn.endswith(")"))
    bare = shorn.strip("+-()").strip()
    found = _grouped(decimal).fullmatch(bare)
    if found is None or not (found["whole"] or found["part"]):
        plain = _exponent(bare)
        if plain is None:
            return text
        bare = plain
    else:
        whole = re.sub(r"\D", "", found["whole"]) or "0"
        part = (found["part"] or "").rstrip("0")
        bare = f"{whole}.{part}" if part else whole
    return f"-{bare}" if sign != negate and not is_zero(bare) else bare


def _exponent(text: str) -> str | None:
    """A number as programs write very large and small ones, `1.5e-05`."""
    if not re.fullmatch(r"\d+(?:\.\d+)?[eE][+-]?\d{1,2}", text):
        return None
    plain = f"{Decimal(text):f}"
    return plain.rstrip("0").rstrip(".") if "." in plain else plain


@lru_cache(maxsize=20_000)
def date_text(text: str, formats: tuple[str, ...]) -> str:
    """A business date as ISO text; a time of day beside it is left out. What is no date stays as it is."""
    for written in formats:
        try:
            return datetime.strptime(text.strip(), written).date().isoformat()  # noqa: DTZ007 - a business date has no zone
        except ValueError:
            continue
    try:
        return datetime.fromisoformat(text.strip()).date().isoformat()
    except ValueError:
        return text


@lru_cache(maxsize=20_000)
def instant_text(text: str) -> str:
    """An instant as ISO text in UTC; without a zone it is taken to be UTC."""
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        return text
    return (found.astimezone(UTC) if found.tzinfo else found).strftime("%Y-%m-%dT%H:%M:%SZ")
