"""What an installation of Dynamics CRM is told in its YAML. Names of sets and columns are configuration with defaults."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from connectors.toolkit.auth.entra_settings import AUTHORITY, EntraCertificate, EntraSecret
from connectors.toolkit.settings import Address, SecretRef, Strict, Timeouts, TimeZone
from sync_engine.canonical.declared import SPEAKABLE, spoken_of


def _identifier(name: str) -> str:
    """A schema name: nothing else is ever put into a query."""
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,99}", name):
        raise ValueError("must be a schema name: letters, digits and underscores")
    return name


Name = Annotated[str, AfterValidator(_identifier)]
"""The schema name of a column or a set, with its capitals: the service of 2011 tells them apart."""


class SecretAuth(EntraSecret):
    """An app registration with a client secret. It has to be an application user of the CRM with a security role."""

    tenant_id: str = Field(description="Id of the Microsoft Entra tenant.")


class CertificateAuth(EntraCertificate):
    """The same with a certificate: its private key, and the certificate itself or its thumbprint."""

    tenant_id: str = Field(description="Id of the Microsoft Entra tenant.")


class BasicAuth(Strict):
    """A user and a password, on premises, where IIS allows Basic. NTLM, Kerberos and forms (ADFS) are not spoken."""

    kind: Literal["basic"]
    user: str = Field(description="The user, as DOMAIN\\\\user where the domain is needed.")
    password: SecretRef = Field(description="The user's password.")


class NtlmAuth(Strict):
    """Windows authentication. This engine does not speak it: allow Basic over https on the web site of the CRM, or publish it with an app
    registration."""

    kind: Literal["ntlm"]

    @model_validator(mode="after")
    def _is_not_spoken(self) -> Self:
        raise ValueError(
            "NTLM is not spoken by this engine; allow Basic over https for the CRM's web site in IIS and say kind: basic"
        )


def _with_kind(given: Any) -> Any:
    return {"kind": "secret", **given} if isinstance(given, dict) and "kind" not in given else given


Auth = Annotated[
    SecretAuth | CertificateAuth | BasicAuth | NtlmAuth,
    Field(discriminator="kind"),
    BeforeValidator(_with_kind),
]


class SetSettings(Strict):
    """How one set differs from the usual."""

    set: str | None = Field(
        default=None,
        description="Name of the entity set: `accounts`, or `AccountSet` in the service of 2011.",
    )
    columns: tuple[Name, ...] = Field(
        default=(), description="Columns to read besides the usual ones, by schema name."
    )
    lookups: tuple[Name, ...] = Field(
        default=(), description="The same for columns that refer to another record."
    )
    dates: tuple[Name, ...] = Field(
        default=(),
        description="Columns that hold a day. The service of 2011 sends them as midnight of `time_zone`.",
    )
    filter: str = Field(
        default="",
        description="Condition of the set, in its dialect's own words: statecode eq 0, StateCode/Value eq 0. What leaves it is found by the "
        "daily sweep; change tracking is not used with it",
    )
    off: bool = Field(default=False, description="It is not read.")


class DeclaredSet(SetSettings):
    """A set that every installation calls differently: groups, price lists, orders, invoices, complaints, the journal, pick-up places."""

    set: str = Field(description="Name of the entity set, as the dialect has it.")
    key: Name = Field(description="Schema name of its primary key.")
    logical: str | None = Field(
        default=None,
        description="Logical name, where it is not the schema name of the key without its last two letters.",
    )
    account: Name | None = Field(
        default=None,
        description="Lookup of the account that a row belongs to: lets one debtor be read alone, and follows merged accounts.",
    )
    off: Literal[False] = Field(default=False, description="Leave the set out instead.")


class Settings(Strict):
    """One organisation of Dynamics CRM, online or on premises."""

    base_url: Address = Field(
        description="Address of the organisation: https://org.crm4.dynamics.com, or https://server/organisation on premises."
    )
    dialect: Literal["web_api", "organization_data"] = Field(
        default="web_api",
        description="`web_api` is OData v4, online and from version 8 on; `organization_data` the service of CRM 2011 to 2015",
    )
    version: str = Field(default="v9.2", pattern=r"^v\d+\.\d+$", description="Version of the Web API.")
    auth: Auth = Field(description="How to log in; which of the forms below, `kind` says.")
    authority: str | None = Field(
        default=None, description="Where tokens are asked for, where it is not Microsoft's usual address."
    )
    verify: bool | str = Field(default=True, description="False, or a file of certificate authorities (PEM).")
    time_zone: TimeZone = Field(
        default="UTC",
        description="Zone of the user the engine logs in as; days of the service of 2011 are in it.",
    )
    change_tracking: bool = Field(
        default=True,
        description="Use the change tracking of tables that have it, which tells of deleted records; false asks by time of change instead",
    )
    sets: dict[Literal["currencies", "users", "teams", "accounts", "contacts"], SetSettings] = Field(
        default={}, description="What differs from the usual in the sets the engine knows."
    )
    declared: dict[str, DeclaredSet] = Field(
        default={},
        description="Further sets, by canonical entity, if need be with a word behind it: activity_complaints, dimension_value_group.",
    )
    option_sets: dict[Name, dict[str, str]] = Field(
        default={},
        description="Columns of the account whose options become a dimension, each with its labels by value (`1: Small`). Without labels they are "
        "asked for; the service of 2011 cannot tell them",
    )
    page_size: int = Field(
        default=5000, ge=1, le=5000, description="Records asked for at once; 50 come of the service of 2011."
    )
    timeouts: Timeouts = Field(default=Timeouts(), description="How long to wait.")
    max_concurrent: int = Field(default=4, ge=1, le=20, description="Calls of one login at the same time.")
    calls_per_five_minutes: int = Field(
        default=6000, ge=10, description="What Dataverse allows a user, all lanes of this machine together."
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if unknown := [name for name in self.declared if spoken_of(name) is None]:
            raise ValueError(f"{', '.join(unknown)}: an entity begins with one of {', '.join(SPEAKABLE)}")
        if self.dialect == "organization_data":
            if not isinstance(self.auth, BasicAuth):
                raise ValueError("the service of 2011 is logged in to with kind: basic")
            if silent := [name for name, labels in self.option_sets.items() if not labels]:
                raise ValueError(
                    f"option_sets: the service of 2011 tells no labels; write those of {', '.join(silent)}"
                )
        return self

    @property
    def root(self) -> str:
        """The service root."""
        if self.dialect == "organization_data":
            return f"{self.base_url}/XRMServices/2011/OrganizationData.svc"
        return f"{self.base_url}/api/data/{self.version}"

    def authority_of(self, tenant: str) -> str:
        """Where the tokens of a tenant are asked for."""
        return self.authority or f"{AUTHORITY}/{tenant}"

    @property
    def scope(self) -> str:
        """What a token is asked for: the organisation's own address."""
        parts = urlsplit(self.base_url)
        return f"{parts.scheme}://{parts.netloc}/.default"
