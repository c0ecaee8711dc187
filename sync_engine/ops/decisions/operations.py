"""What people can decide, as data: typed, validated, kept with the plan that was made of it."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

Entity = Literal["debtor", "contact"]


class _Operation(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Link(_Operation):
    """This source record means that canonical record: links it, or moves it there. `to` is an id, a number, a source's id or an exact name."""

    op: Literal["link"] = "link"
    entity: Entity = "debtor"
    source: str
    key: str = Field(description="the record's id in its source")
    to: str
    force: bool = Field(False, description="link although a veto speaks against it")
    evidence: dict[str, Any] = Field(default_factory=dict)

    @property
    def told(self) -> str:
        """In a few words."""
        return f"link {self.source} {self.key} to {self.to}"


class Unlink(_Operation):
    """This source record does not mean the canonical record it is linked to."""

    op: Literal["unlink"] = "unlink"
    entity: Entity = "debtor"
    source: str
    key: str

    @property
    def told(self) -> str:
        """In a few words."""
        return f"unlink {self.source} {self.key}"


class Merge(_Operation):
    """Two canonical records are one: every source record of `losing` means `into`.

    Its tags go along. A value pinned on `into` holds; where it has none, one pinned on `losing` is pinned on `into` too.
    """

    op: Literal["merge"] = "merge"
    entity: Entity = "debtor"
    losing: str
    into: str
    force: bool = False

    @property
    def told(self) -> str:
        """In a few words."""
        return f"merge {self.losing} into {self.into}"


class Unmerge(_Operation):
    """The record that was merged away stands for itself again, with the source records it had."""

    op: Literal["unmerge"] = "unmerge"
    entity: Entity = "debtor"
    record: str

    @property
    def told(self) -> str:
        """In a few words."""
        return f"unmerge {self.record}"


class NotTheSame(_Operation):
    """This source record never means that canonical record, whatever a rule finds."""

    op: Literal["not_the_same"] = "not_the_same"
    entity: Entity = "debtor"
    source: str
    key: str
    record: str

    @property
    def told(self) -> str:
        """In a few words."""
        return f"{self.source} {self.key} is not {self.record}"


class PinField(_Operation):
    """A field has this value, whatever the sources say: until a date, or until a source says something else, or until unpinned."""

    op: Literal["pin"] = "pin"
    entity: Entity = "debtor"
    record: str
    field: str
    value: Any = None
    until: date | None = None
    until_source_changes: bool = False

    @property
    def told(self) -> str:
        """In a few words."""
        return f"pin {self.field} of {self.record}"


class UnpinField(_Operation):
    """The sources decide about a field again."""

    op: Literal["unpin"] = "unpin"
    entity: Entity = "debtor"
    record: str
    field: str

    @property
    def told(self) -> str:
        """In a few words."""
        return f"unpin {self.field} of {self.record}"


class GoAutomatic(_Operation):
    """The rules may link (and create) what this source holds: the gate to mode automatic."""

    op: Literal["go_automatic"] = "go_automatic"
    entity: Entity = "debtor"
    source: str
    create_unmatched: bool
    rungs: tuple[str, ...]

    @property
    def told(self) -> str:
        """In a few words."""
        return f"{self.entity} links of {self.source} automatic"


class SetParent(_Operation):
    """A debtor belongs under another one; without `parent`, under none."""

    op: Literal["set_parent"] = "set_parent"
    debtor: str
    parent: str | None = None

    @property
    def told(self) -> str:
        """In a few words."""
        return f"{self.debtor} under {self.parent or 'nobody'}"


class SetGroup(_Operation):
    """A group of debtors and its members, by what is given: `members` join, `leaving` leave."""

    op: Literal["set_group"] = "set_group"
    name: str
    credit_limit: str | None = Field(
        None, description="limit in base currency for all members together; `none` takes it away"
    )
    top_debtor: str | None = None
    members: tuple[str, ...] = ()
    leaving: tuple[str, ...] = ()
    dissolve: bool = False

    @property
    def told(self) -> str:
        """In a few words."""
        return f"{'dissolve ' if self.dissolve else ''}group {self.name}"


class Undo(_Operation):
    """Takes back an applied plan: the state from before it."""

    op: Literal["undo"] = "undo"
    plan: str = Field(description="hash of the applied plan, or `last`")

    @property
    def told(self) -> str:
        """In a few words."""
        return f"undo {self.plan[:12]}"


class Bulk(_Operation):
    """Many decisions at once: all of them, or none."""

    op: Literal["bulk"] = "bulk"
    operations: tuple[Annotated[Link | Unlink | Merge | NotTheSame, Field(discriminator="op")], ...]

    @property
    def told(self) -> str:
        """In a few words."""
        return f"{len(self.operations):,} decisions from a file"


Operation = (
    Link
    | Unlink
    | Merge
    | Unmerge
    | NotTheSame
    | PinField
    | UnpinField
    | GoAutomatic
    | SetParent
    | SetGroup
    | Undo
    | Bulk
)
OPERATION: TypeAdapter[Operation] = TypeAdapter(Annotated[Operation, Field(discriminator="op")])
