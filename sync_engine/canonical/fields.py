"""One field of a canonical entity: what a claim calls it, where it is stored, its type and its ownership group."""

from __future__ import annotations

from typing import Literal, NamedTuple

Kind = Literal["text", "money", "number", "bool", "date", "ts", "int", "json", "set"]


class Field(NamedTuple):
    """`name` is used in claims, policy and audit; `column` differs only where the stored value is a resolved reference."""

    name: str
    kind: Kind = "text"
    group: str = "general"
    column: str = ""

    @property
    def stored_as(self) -> str:
        """The column of the canonical table."""
        return self.column or self.name


def names(fields: tuple[Field, ...]) -> tuple[str, ...]:
    """The claim names, in order."""
    return tuple(f.name for f in fields)
