"""What single cells of a table say, whoever reads them: numbers as plain text, and formulas that failed."""

from __future__ import annotations

from decimal import Decimal

FAILED = frozenset((
    "#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NULL!", "#NUM!", "#SPILL!", "#CALC!", "#NV", "#BEZUG!", "#WERT!", "#ZAHL!", "#I/T", "#REFERENCE!",
    "#VÆRDI!", "#NAVN?",
))  # fmt: skip
"""What a formula that failed shows, in English, German and Danish spreadsheets: no amount, no position and nobody's name."""


class Number(str):
    """The text of a cell that is a number in its file: a decimal point, no grouping. No separator of anybody's applies to it."""

    __slots__ = ()


def is_failed(cell: str | None) -> bool:
    """Whether a cell shows that a formula failed."""
    return cell is not None and "#" in cell and cell.strip().upper() in FAILED


def plain_number(text: str) -> str:
    """A number without exponent, without trailing zeros and without a sign at nought; what is none, or beyond 40 digits, as it is."""
    try:
        number = Decimal(text)
    except ArithmeticError:
        return text
    if not number.is_finite() or not -40 < number.adjusted() < 40:
        return text
    if not number:
        return "0"
    plain = f"{number:f}"
    return plain.rstrip("0").rstrip(".") if "." in plain else plain
