"""Text from outside, made harmless where a program would obey it: control characters in a terminal, formulas in a spreadsheet."""

from __future__ import annotations

_CONTROLS = [*range(0x20), *range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x2028, 0x2029]
"""C0, delete, C1, the marks that turn the direction of writing, and Unicode's line ends."""

_SHOWN = {code: f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" for code in _CONTROLS}
_SHOWN |= {ord("\n"): "\\n", ord("\r"): "\\r", ord("\t"): "\\t"}
_LINES = {code: shown for code, shown in _SHOWN.items() if chr(code) not in "\n\t"}
_IN_JSON = {code: f"\\u{code:04x}" for code in _CONTROLS if code >= 0x20}

FORMULA_BEGINS = "=+-@\t\r"
"""What spreadsheets take for the begin of a formula."""


def for_terminal(text: str) -> str:
    """The text with control characters spelled out; line feeds and tabs stay."""
    return text.translate(_LINES)


def for_one_line(text: str) -> str:
    """The text with control characters, line feeds and tabs too, spelled out: a cell of a table."""
    return text.translate(_SHOWN)


def for_json(document: str) -> str:
    """A JSON document in which no character is left that a terminal obeys; it says the same."""
    return document.translate(_IN_JSON)


def for_spreadsheet(text: str) -> str:
    """The text behind an apostrophe where a spreadsheet would take it for a formula."""
    return f"'{text}" if text[:1] and text[0] in FORMULA_BEGINS else text
