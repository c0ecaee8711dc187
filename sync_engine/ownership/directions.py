"""Which way fields go between a source and canonical: read, written back, both, or neither. Pure data and look-ups."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from sync_engine.canonical.contact import CONTACT
from sync_engine.canonical.debtor import DEBTOR
from sync_engine.canonical.fields import Field as CanonicalField

PARTIES: dict[str, tuple[CanonicalField, ...]] = {"debtor": DEBTOR, "contact": CONTACT}
"""What several sources may speak about, and what can be written back."""
CUSTOM_MEMBER = re.compile(r"custom\..+")
Direction = Literal["in", "out", "both", "off"]
Strategy = Literal["master_wins", "hold"]


class WriteRule(BaseModel):
    """Which way a field goes between this source and canonical, and what happens before it is written. The direction alone may stand instead."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    direction: Direction = Field(
        description="`in`: read, never written; `out`: written, and what the source says is not believed; `both`: the policy says who is believed, "
        "and the source is written where it says otherwise; `off`: neither"
    )
    strategy: Strategy = Field(
        "master_wins",
        description="`master_wins`: written by the next run; `hold`: every write waits for a person, `sync-engine outbox approve`",
    )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"anyOf": [{"enum": [*get_args(Direction), False]}, handler(schema)]}

    @model_validator(mode="before")
    @classmethod
    def _direction_alone(cls, given: Any) -> Any:
        """YAML reads a bare `off` as false."""
        if isinstance(given, cls):
            return given
        said = dict(given) if isinstance(given, Mapping) else {"direction": given}
        return {**said, "direction": "off"} if said.get("direction") is False else said

    @property
    def is_written(self) -> bool:
        """Whether the source is told."""
        return self.direction in ("out", "both")

    @property
    def is_heard(self) -> bool:
        """Whether what the source says counts."""
        return self.direction in ("in", "both")


@dataclass(frozen=True, slots=True)
class WriteRules:
    """The rules of one source and entity: by field, by custom field (`custom.segment`) or by group; a field that is named goes before its group."""

    entity: str
    rules: Mapping[str, WriteRule]

    def rule(self, field: str) -> WriteRule | None:
        """The rule of a field; None: it is only read."""
        if field in self.rules:
            return self.rules[field]
        whole = field.partition(".")[0]
        group = next((f.group for f in PARTIES[self.entity] if f.name == whole), "")
        return self.rules.get(group)

    def written(self, fields: Iterable[str]) -> dict[str, Strategy]:
        """Of these fields those that are written, with what happens before."""
        allowed = {f.name for f in PARTIES[self.entity] if may_be_written(f)}
        found = {f: self.rule(f) for f in fields if f.partition(".")[0] in allowed}
        return {f: rule.strategy for f, rule in found.items() if rule is not None and rule.is_written}

    @property
    def named(self) -> frozenset[str]:
        """The fields, not groups, that are named to be written."""
        fields = {f.name for f in PARTIES[self.entity]} - {f.group for f in PARTIES[self.entity]}
        return frozenset(
            n
            for n, rule in self.rules.items()
            if rule.is_written and (n in fields or CUSTOM_MEMBER.fullmatch(n))
        )

    @property
    def unheard(self) -> frozenset[str]:
        """The fields of which the source is not believed, since they only go out, or go no way."""
        names = {f.name for f in PARTIES[self.entity]} | {n for n in self.rules if CUSTOM_MEMBER.fullmatch(n)}
        return frozenset(n for n in names if (rule := self.rule(n)) is not None and not rule.is_heard)


def may_be_written(field: CanonicalField) -> bool:
    """Whether a canonical value can be said in another system: it means the same there, and a record has one of it."""
    return not (field.column or field.is_summed or field.kind == "set")


def refuse_unwritable(entity: str, rules: Mapping[str, WriteRule]) -> None:
    """Raises ValueError for a name that is no field and no group, and for a field that cannot be written."""
    fields = {f.name: f for f in PARTIES[entity]}
    groups = {f.group for f in fields.values()}
    for name, rule in rules.items():
        if name in groups or CUSTOM_MEMBER.fullmatch(name):
            continue
        if name not in fields:
            raise ValueError(f"{entity} has no field and no group {name!r}")
        if rule.is_written and not may_be_written(fields[name]):
            raise ValueError(
                f"{entity}.{name} refers to other records, is a sum or a set, and cannot be written"
            )
