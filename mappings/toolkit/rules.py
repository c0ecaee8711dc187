"""Rules a person declares: which title is which position, which debtors are intercompany or left out."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from mappings.toolkit.fields import addresses
from mappings.toolkit.rows import Row
from sync_engine.canonical.countries import country_of
from sync_engine.ports import CodeGap


def _compiles(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"is not a regular expression: {error}") from None
    return pattern


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("is blank")
    return text.strip()


Pattern = Annotated[str, AfterValidator(_compiles)]
"""A regular expression, checked when the settings are loaded."""

Name = Annotated[str, AfterValidator(_not_blank)]
"""Text that is not blank, trimmed."""


def identity(title: str) -> str:
    """Two positions are the same when this is: trimmed, case-folded, inner white space kept."""
    return title.strip().casefold()


def _normal(title: str) -> str:
    return " ".join(title.casefold().split())


class PositionRules(BaseModel):
    """From a contact's title to its position. Tried in order: `rules` as written, `rules` without regard to case and
    runs of white space, `patterns` (searched, without regard to case, first hit wins). Then the title itself is the position,
    unless `strict`: then it is a code gap.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    rules: dict[Name, Name] = Field(default_factory=dict, description="title -> position")
    patterns: dict[Pattern, Name] = Field(
        default_factory=dict,
        description="regular expression, searched in the title -> position; the first that fits",
    )
    strict: bool = Field(
        default=False, description="a title that no rule knows is a code gap, and no position of its own"
    )


class Positions:
    """The rules, ready to be asked."""

    def __init__(self, settings: PositionRules) -> None:
        self._strict = settings.strict
        self._exact = settings.rules
        self._normal: dict[str, str] = {}
        for title, position in settings.rules.items():
            self._normal.setdefault(_normal(title), position)
        self._patterns = [
            (re.compile(p, re.IGNORECASE), position) for p, position in settings.patterns.items()
        ]
        self._known: dict[str, str | None] = {}

    def of(self, title: str) -> str | None:
        """The position of a title that is not blank; None: strict, and no rule knows it."""
        title = title.strip()
        if title not in self._known:
            if len(self._known) > 10_000:
                self._known.clear()
            self._known[title] = self._look_up(title)
        return self._known[title]

    def _look_up(self, title: str) -> str | None:
        found = self._exact.get(title) or self._normal.get(_normal(title))
        if found:
            return found
        for pattern, position in self._patterns:
            if pattern.search(title):
                return position
        return None if self._strict else title


class Numbers:
    """Whether a number is covered by declared patterns; a pattern has to match the whole number."""

    def __init__(self, patterns: Iterable[str]) -> None:
        self._patterns = [re.compile(pattern) for pattern in patterns]

    def cover(self, number: str | None) -> bool:
        """Whether one of the patterns matches the whole number."""
        return number is not None and any(pattern.fullmatch(number) for pattern in self._patterns)


def settle_country(key: str, row: Row, gaps: list[CodeGap]) -> None:
    """A country becomes its two letters, from its code or its name; codes of the installation's own are a gap, not a guess."""
    said = row.get("country")
    if said is None:
        return
    if code := country_of(said):
        row["country"] = code
    else:
        del row["country"]
        gaps.append(CodeGap(key, "country", said))


def settle_position(key: str, row: Row, positions: Positions, gaps: list[CodeGap]) -> None:
    """The position of a title that is said; a title that no rule knows is a gap."""
    if "title" not in row:
        return
    title = row["title"]
    position = None if title is None else positions.of(title)
    if title is not None and position is None:
        gaps.append(CodeGap(key, "position", title))
    else:
        row["position"] = position


def several_addresses(row: Row) -> None:
    """A field of several addresses: the first is the e-mail, the rest go to custom.emails."""
    email = row.get("email")
    if email is None or ("@" in email and not any(mark in email for mark in "; ,<")):
        return
    found = addresses(email)
    row["email"] = found[0] if found else None
    if len(found) > 1:
        row.setdefault("custom", {})["emails"] = sorted(found[1:])


def address_lines(row: Row, column: str) -> None:
    """A field of several lines becomes the first line of the address and, with commas, what follows; whatever ends a line."""
    if column in row:
        first, *rest = [line.strip() for line in (row.pop(column) or "").splitlines() if line.strip()] or [
            None
        ]
        row["address_line1"], row["address_line2"] = first, ", ".join(map(str, rest)) or None
