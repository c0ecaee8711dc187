"""One configured installation, read from a defs folder: the same YAML that Dagster loads, read here without Dagster."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from sync_engine.canonical.fields import Field as CanonicalField
from sync_engine.errors import ConfigurationError
from sync_engine.ownership.directions import CUSTOM_MEMBER, PARTIES, WriteRule, WriteRules, refuse_unwritable
from sync_engine.ownership.policy import DEFAULT_POLICY, Policy, Role
from sync_engine.ownership.resolve import INBOX, PERSON
from sync_engine.yaml_errors import sentence

ERP_SOURCE = "dagster_project.components.ErpSource"
CANONICAL_STORE = "dagster_project.components.CanonicalStore"
CUSTOM_NAME = re.compile(r"custom\.[^'\\]+")
PORTFOLIO_FIELDS = (
    "owner_code",
    "country",
    "region",
    "currency",
    "language",
    "kind",
    "payment_terms_key",
)
"""Fields of the debtor whose values can be portfolios: each is a code that many debtors share."""
NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


class PortfolioSettings(BaseModel):
    """Which dimension's values, or which field's, are the portfolios, and how many debtors may move in one cut without a person's word."""

    model_config = ConfigDict(extra="forbid")

    dimension: str = Field(
        "", description="code of the dimension on the customer card, for example CUSTOMERGROUP"
    )
    field: str | None = Field(
        None,
        description="instead of a dimension, a field of the debtor: country, currency, language, kind, region, payment_terms_key, owner_code (every "
        "account owner has a portfolio), or custom.NAME",
    )
    move_brake: float = Field(
        0.5, gt=0, le=1, description="share of debtors that may change portfolio in one cut"
    )

    @model_validator(mode="after")
    def _one_of_them(self) -> PortfolioSettings:
        if self.field is None:
            if not self.dimension:
                raise ValueError("name a dimension, or a field of the debtor")
            return self
        if self.dimension not in ("", f"field:{self.field}"):
            raise ValueError("a dimension or a field makes the portfolios, not both")
        if self.field not in PORTFOLIO_FIELDS and not CUSTOM_NAME.fullmatch(self.field):
            raise ValueError(
                f"{self.field!r} cannot make portfolios; these can: {', '.join(PORTFOLIO_FIELDS)}, custom.NAME"
            )
        self.dimension = f"field:{self.field}"
        return self


class SweepSettings(BaseModel):
    """How often everything is read again, and how much of it may vanish at once."""

    model_config = ConfigDict(extra="forbid")

    every_hours: float | None = Field(
        None, gt=0, description="left out, each entity has its own interval (most are swept daily)"
    )
    brake: float = Field(
        0.2, gt=0, le=1, description="share of known records a sweep may remove without approval"
    )
    brake_from: int = Field(5, ge=0, description="fewer missing records than this never trip the brake")


class MissingSettings(BaseModel):
    """How much of what the source has may be missing from a cut before that is trouble."""

    model_config = ConfigDict(extra="forbid")

    share: float = Field(
        0.01,
        ge=0,
        le=1,
        description="share of the records of any entity, or of the money of any currency, that may be quarantined or wait; above it a "
        "run is partial (exit code 6) and its certificate graded C or worse. 0: nothing may be missing",
    )


Rung = Literal[
    "foreign_id",
    "number",
    "external_number",
    "registration",
    "email_and_name",
    "number_alone",
    "external_number_alone",
]


class LinkSettings(BaseModel):
    """How records of this source find their canonical record."""

    model_config = ConfigDict(extra="forbid")

    mode: Literal["none", "manual", "automatic"] | None = Field(
        None,
        description="`none`: nothing is linked or created; `manual`: people link; `automatic`: the rungs do. Left out: automatic for an ERP, else none",
    )
    create_unmatched: bool | None = Field(
        None,
        description="whether a record that matches nothing becomes a new canonical one. Left out: yes for an ERP, else no",
    )
    rungs: tuple[Rung, ...] = Field(
        ("foreign_id", "number", "external_number", "registration", "email_and_name"),
        description="what is looked at, best first. `number_alone` and `external_number_alone` link by the number whatever else is said, for sources "
        "that are known to share it",
    )
    foreign_ids: dict[str, str] = Field(
        default_factory=dict,
        description="other source -> field of the claim that holds its id, for example crm: custom.crmId",
    )


class SourceConfig(BaseModel):
    """One installation. `connection` and `mapping` are validated by the connector and the mapping themselves."""

    model_config = ConfigDict(extra="forbid")

    source: str = Field(
        description="name of the source in the store, the UI and the CLI: lower case, digits, underscores"
    )
    connector: str = Field(description="connector code, for example business_central")
    role: Role = Field(
        "erp", description="what the policy ranks: an ERP links and creates by itself, a CRM waits for people"
    )
    environment: Literal["production", "test"] = Field(
        "production",
        description="whether it is the real installation or one to try things with. An engine whose `SYNC_ENGINE_ENVIRONMENT` says otherwise reads it "
        "and never writes to it",
    )
    connection: dict[str, Any] = Field(
        default_factory=dict, description="how it is reached: the keys of its connector, below"
    )
    mapping: dict[str, Any] = Field(
        default_factory=dict, description="what its data mean: the keys of its mapping, below"
    )
    portfolio: PortfolioSettings | None = None
    links: dict[Literal["debtor", "contact"], LinkSettings] = Field(default_factory=dict)
    writable: dict[Literal["debtor", "contact"], dict[str, WriteRule]] = Field(
        default_factory=dict,
        description="field or field group -> its direction, for what may be written back. Left out, the source is only read; a field that is named "
        "goes before its group",
    )
    sweep: SweepSettings = Field(default_factory=SweepSettings)
    missing: MissingSettings = Field(default_factory=MissingSettings)
    schedule: str = Field("*/15 * * * *", description="cron of the lane's roots")
    freshness_hours: float = Field(4, gt=0, description="older than this is stale in status and in Dagster")
    time_zone: str = Field("UTC", description="the company's ledger calendar: decides what date it is")
    pool: str | None = Field(None, description="runs that share a pool share one login and take turns")

    @field_validator("source")
    @classmethod
    def _plain_name(cls, value: str) -> str:
        if not NAME.fullmatch(value):
            raise ValueError(
                "use lower case letters, digits and underscores, starting with a letter, at most 40"
            )
        if value in (PERSON, INBOX):
            raise ValueError(
                f"{value!r} is the engine's own word for who said something; choose another name"
            )
        return value

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError(f"{value!r} is not a time zone name such as Europe/Copenhagen") from error
        return value

    @field_validator("writable")
    @classmethod
    def _can_be_written(cls, value: dict[str, dict[str, WriteRule]]) -> dict[str, dict[str, WriteRule]]:
        for entity, rules in value.items():
            refuse_unwritable(entity, rules)
        return value

    def write_rules(self, entity: str) -> WriteRules:
        """Which fields of an entity are written, and which are believed."""
        return WriteRules(entity, {str(e): rules for e, rules in self.writable.items()}.get(entity, {}))

    @property
    def is_written(self) -> bool:
        """Whether anything may be written back to the source."""
        return any(rule.is_written for rules in self.writable.values() for rule in rules.values())

    @property
    def digest(self) -> str:
        """Identifies this configuration in runs; holds no secret, since settings name secrets and never hold them."""
        return hashlib.sha256(json.dumps(self.model_dump(mode="json"), sort_keys=True).encode()).hexdigest()[
            :16
        ]

    def sweep_every(self, usual: timedelta) -> timedelta:
        """The age at which a full sweep of an entity is due: what is configured, else what is usual for it."""
        return usual if self.sweep.every_hours is None else timedelta(hours=self.sweep.every_hours)

    def link_settings(self, entity: Literal["debtor", "contact"]) -> LinkSettings:
        """The link mode with its defaults by role: an ERP links and creates, a CRM waits for people."""
        chosen = self.links.get(entity, LinkSettings())
        mode = chosen.mode or ("automatic" if self.role == "erp" else "none")
        create = chosen.create_unmatched if chosen.create_unmatched is not None else self.role == "erp"
        return chosen.model_copy(update={"mode": mode, "create_unmatched": create})


def parse(attributes: Mapping[str, Any], where: str) -> SourceConfig:
    """Validates one source's attributes. Raises ConfigurationError naming file and key."""
    try:
        return SourceConfig.model_validate(attributes)
    except ValidationError as error:
        raise sentence(error, where, SourceConfig) from None


def load_sources(folder: Path) -> dict[str, SourceConfig]:
    """Every ErpSource YAML below `folder`, by source name. Raises ConfigurationError for a broken file or a name used twice."""
    if not folder.is_dir():
        raise ConfigurationError(
            "there is no such folder of source YAMLs", whose=str(folder), todo="Set SYNC_ENGINE_DEFS."
        )
    found: dict[str, SourceConfig] = {}
    for path in sorted(folder.glob("**/defs.yaml")):
        for document in _documents(path):
            if document.get("type") != ERP_SOURCE:
                continue
            config = parse(document.get("attributes") or {}, f"{path.parent.name}/{path.name}")
            if config.source in found:
                raise ConfigurationError(
                    f"source {config.source!r} is defined twice",
                    whose=f"{path.parent.name}/{path.name}",
                    todo="Rename one of them.",
                )
            found[config.source] = config
    return dict(sorted(found.items()))


def load_policy(folder: Path) -> Policy:
    """The ownership policy of the CanonicalStore YAML below `folder`; the default where there is none. Raises ConfigurationError."""
    found = [
        (path, d)
        for path in sorted(folder.glob("**/defs.yaml"))
        for d in _documents(path)
        if d.get("type") == CANONICAL_STORE
    ]
    if len(found) > 1:
        raise ConfigurationError(
            "there are several ownership policies",
            whose=", ".join(f"{p.parent.name}/{p.name}" for p, _ in found),
            todo="Keep one.",
        )
    return (
        parse_policy(found[0][1].get("attributes") or {}, f"{found[0][0].parent.name}/{found[0][0].name}")
        if found
        else DEFAULT_POLICY
    )


def read_policy(file: Path) -> Policy:
    """The policy in one file: a CanonicalStore YAML, or its attributes alone. Raises ConfigurationError."""
    if not file.is_file():
        raise ConfigurationError("there is no such file", whose=str(file))
    documents = _documents(file)
    chosen = next(
        (d.get("attributes") or {} for d in documents if d.get("type") == CANONICAL_STORE),
        documents[0] if documents else {},
    )
    return parse_policy(chosen, file.name)


def parse_policy(attributes: Mapping[str, Any], where: str) -> Policy:
    """Validates a policy: its shape, the fields it names, and that it decides about every field. Raises ConfigurationError."""
    if not attributes:
        return DEFAULT_POLICY
    try:
        policy = Policy.model_validate(attributes)
    except ValidationError as error:
        raise sentence(error, where, Policy) from None
    known = PARTIES
    for place, rule in enumerate(policy.rules, 1):
        fields = {f.name: f for entity, some in known.items() if rule.entity in ("*", entity) for f in some}
        if unknown := sorted(n for n in rule.fields if n not in fields and not CUSTOM_MEMBER.fullmatch(n)):
            raise ConfigurationError(
                f"rule {place} names {', '.join(unknown)}, which no {rule.entity.replace('*', 'record')} has",
                whose=where,
                key="rules",
                todo="Correct the YAML.",
            )
    for entity, some in known.items():
        for field in some:
            try:
                policy.rule_for(entity, field.name, field.group)
            except LookupError as error:
                raise ConfigurationError(
                    str(error), whose=where, key="rules", todo="Correct the YAML."
                ) from None
    _refuse_odd_unions(policy, known, where)
    return policy


def _refuse_odd_unions(policy: Policy, known: Mapping[str, tuple[CanonicalField, ...]], where: str) -> None:
    """A rule that unites what cannot be united, named by field or by group, or decided by a rule for everything: no fold could follow it."""
    companies = {None, *(rule.company for rule in policy.rules)}
    deciding = [
        (policy.rule_for(e, f.name, f.group, c), e, f)
        for e, some in known.items()
        for f in some
        for c in companies
    ]
    for place, rule in enumerate(policy.rules, 1):
        odd = {f.name for decided_by, _, f in deciding if decided_by is rule and not f.can_be_united}
        odd |= {
            f.name
            for e, some in known.items()
            if rule.entity in ("*", e)
            for f in some
            if f.name in rule.fields and not f.can_be_united
        }
        if rule.mode == "union" and odd:
            raise ConfigurationError(
                f"rule {place}: {', '.join(sorted(odd))} is no set and no text that could be united",
                whose=where,
                key="rules",
                todo="Unite named fields such as email or phone, and give the others a rule of their own before this one.",
            )


def _documents(path: Path) -> list[dict[str, Any]]:
    try:
        loaded = list(yaml.safe_load_all(path.read_text(encoding="utf-8")))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        line = getattr(getattr(error, "problem_mark", None), "line", None)
        raise ConfigurationError(
            f"not valid YAML{'' if line is None else f' near line {line + 1}'}",
            whose=f"{path.parent.name}/{path.name}",
            todo="Correct the file.",
        ) from None
    return [d for d in loaded if isinstance(d, dict)]


def settings_of(model: type[BaseModel], values: Mapping[str, Any], whose: str) -> BaseModel:
    """Validates a plugin's own settings. Raises ConfigurationError."""
    try:
        return model.model_validate(dict(values))
    except ValidationError as error:
        raise sentence(error, whose, model) from None
