"""Who is believed for which field: the declared policy. Pure data and look-ups; the fold itself is `merge`."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Mode = Literal["master", "on_create", "if_empty", "union", "derived"]
Role = Literal["erp", "crm", "collections"]
GROUPS = (
    "identity",
    "general",
    "address",
    "billing_address",
    "contact",
    "credit",
    "classification",
    "prices",
    "chasing",
    "custom",
)


class Rule(BaseModel):
    """A ranking of sources or roles, best first, for some fields or field groups, and how the ranking is read."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    entity: Literal["debtor", "contact", "*"] = Field(
        "*", description="whose fields are meant; `*` is every entity"
    )
    fields: tuple[str, ...] = Field(
        (),
        description="fields it decides about; one of custom as `custom.segment`. Without fields and groups: all that are left",
    )
    groups: tuple[str, ...] = Field((), description=f"field groups it decides about: {', '.join(GROUPS)}")
    company: str | None = Field(None, description="name of the company this rule is for; without it, of all")
    ranking: tuple[str, ...] = Field(
        min_length=1, description="roles or sources, best first; who is not named is not believed"
    )
    mode: Mode = Field(
        "master",
        description="how the ranking is read. `master`: what the best says, also empty; `if_empty`: what the best says that says anything; "
        "`on_create`: what was said first, for ever; `union`: all of it; `derived`: what the engine computes",
    )

    @model_validator(mode="after")
    def _names_something(self) -> Rule:
        if unknown := set(self.groups) - set(GROUPS):
            raise ValueError(f"unknown field group {sorted(unknown)}; there are {list(GROUPS)}")
        return self

    def is_for(self, entity: str, company: str | None) -> bool:
        """Whether records of this entity in the books of this company are meant."""
        if self.company is not None and (company is None or self.company.casefold() != company.casefold()):
            return False
        return self.entity in ("*", entity)

    def names(self, field: str) -> bool:
        """Whether the rule names a field, or the field that one of its members (`custom.segment`) belongs to."""
        return field in self.fields or field.partition(".")[0] in self.fields


class Policy(BaseModel):
    """Ordered rules; the first that names the field, its group, or everything, decides. Frozen, hashable by `digest`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rules: tuple[Rule, ...] = Field(
        description="read from the top: the first that names a field, its group, or nothing at all, decides"
    )
    sources: tuple[str, ...] = Field(
        (),
        description="order of sources, where a role that is ranked has several; sources not named come after these",
    )

    @property
    def overrides_companies(self) -> bool:
        """Whether any rule is for one company only."""
        return any(rule.company is not None for rule in self.rules)

    def rule_for(self, entity: str, field: str, group: str, company: str | None = None) -> Rule:
        """The deciding rule. Raises LookupError when no rule names the field (a default policy always does)."""
        for rule in self.rules:
            if rule.is_for(entity, company) and (
                rule.names(field) or group in rule.groups or not (rule.fields or rule.groups)
            ):
                return rule
        raise LookupError(
            f"no ownership rule names {entity}.{field}; end the policy with a rule without fields and groups"
        )

    @property
    def digest(self) -> str:
        """Identifies the policy in audit and certificates."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:16]


DEFAULT_POLICY = Policy(
    rules=(
        Rule(groups=("chasing",), ranking=("collections", "crm", "erp")),
        Rule(ranking=("erp", "crm", "collections")),
    )
)
"""Sane without configuration: the ERP is master, what only a collections team knows is theirs."""


def rank(rule: Rule, source: str, role: str) -> int | None:
    """The place of a source in a ranking (a source named by itself beats its role's place only by standing earlier), or None."""
    for place, name in enumerate(rule.ranking):
        if name in (source, role):
            return place
    return None


def source_order(policy_sources: tuple[str, ...]) -> Mapping[str, int]:
    """Ties inside a role: the order in which sources are declared."""
    return {s: i for i, s in enumerate(policy_sources)}
