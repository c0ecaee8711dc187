"""One field of a canonical entity: what a claim calls it, where it is stored, its type and its ownership group."""

from __future__ import annotations

from typing import Literal, NamedTuple

Kind = Literal["text", "money", "number", "bool", "date", "ts", "int", "json", "set"]

ONE_VALUE = frozenset(
    (
        "number",
        "external_number",
        "kind",
        "status",
        "block_reason",
        "currency",
        "country",
        "language",
        "vat_no",
        "registration_no",
    )
)
"""Texts of which a record has one: a code, or a number that somebody looks it up by."""


class Field(NamedTuple):
    """`name` is used in claims, policy and audit; `column` differs only where the stored value is a resolved reference.

    `is_summed`: what several records state is added, not chosen from.
    """

    name: str
    kind: Kind = "text"
    group: str = "general"
    column: str = ""
    is_summed: bool = False

    @property
    def can_be_united(self) -> bool:
        """Whether the words of several sources can stand beside each other: sets, and texts that are no code, no number and no reference."""
        return self.kind == "set" or (self.kind == "text" and not self.column and self.name not in ONE_VALUE)

    @property
    def stored_as(self) -> str:
        """The column of the canonical table."""
        return self.column or self.name


def names(fields: tuple[Field, ...]) -> tuple[str, ...]:
    """The claim names, in order."""
    return tuple(f.name for f in fields)
