"""What an installation of Business Central is told in its YAML. Unknown keys are refused; secrets are references."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, field_validator, model_validator

from connectors.toolkit.auth.entra_settings import AUTHORITY, EntraCertificate, EntraSecret
from connectors.toolkit.settings import SecretRef, Strict, Timeouts, is_loopback

SAAS = "https://api.businesscentral.dynamics.com"
SCOPE = "https://api.businesscentral.dynamics.com/.default"
WEB_CLIENT = "businesscentral.dynamics.com"


class BasicAuth(Strict):
    """A user and a web service access key: on premises only."""

    kind: Literal["basic"]
    user: str = Field(description="Name of the Business Central user.")
    key: SecretRef = Field(description="Its web service access key, or its password.")


class NoAuth(Strict):
    """No login at all: a test server."""

    kind: Literal["none"]


def _with_kind(given: Any) -> Any:
    """`none` alone is enough, and an app with a secret is what is meant when no kind is named."""
    if given in (None, "none"):
        return {"kind": "none"}
    return {"kind": "secret", **given} if isinstance(given, dict) and "kind" not in given else given


Auth = Annotated[
    EntraSecret | EntraCertificate | BasicAuth | NoAuth,
    Field(discriminator="kind"),
    BeforeValidator(
        _with_kind,
        json_schema_input_type=EntraSecret | EntraCertificate | BasicAuth | NoAuth | Literal["none"] | None,
    ),
]


class ApiPage(Strict):
    """A custom API page: /api/{publisher}/{group}/{version}/companies(..)/{entity_set}."""

    publisher: str = Field(description="APIPublisher of the page.")
    group: str = Field(description="APIGroup of the page.")
    version: str = Field(description="APIVersion of the page, such as v1.0.")
    entity_set: str = Field(description="EntitySetName of the page.")


class CustomLedger(Strict):
    """API pages of one's own over customer ledger entries and detailed entries (the best route).

    `fields` names the fields of the entry page that the connector itself needs; the rest is the mapping's business.
    """

    publisher: str = Field(description="APIPublisher of the pages.")
    group: str = Field(description="APIGroup of the pages.")
    version: str = Field(default="v1.0", description="APIVersion of the pages.")
    entry_set: str = Field(
        default="customerLedgerEntries", description="EntitySetName of the page of entries."
    )
    detailed_set: str | None = Field(
        default="detailedCustomerLedgerEntries",
        description="EntitySetName of the page of detailed entries; null where there is none: then nobody tells which money settled what.",
    )
    fields: dict[
        Literal[
            "id",
            "entry",
            "open",
            "closed",
            "modified",
            "customer",
            "row_version",
            "detailed_id",
            "detailed_modified",
            "detailed_customer",
            "detailed_row_version",
        ],
        str,
    ] = Field(
        default={},
        description="What the page calls the fields that the connector needs, where its names differ.",
    )


Route = Literal["auto", "custom_api", "odata_page", "analytics", "reports_finance", "invoices"]


class Ledger(Strict):
    """How customer ledger entries are read: `auto` takes the best route that answers."""

    route: Route = Field(
        default="auto", description="The one route to take; `auto` takes the best that answers."
    )
    custom: CustomLedger | None = Field(default=None, description="API pages of your own: the best route.")
    page: str = Field(default="Cust_LedgerEntries", description="Name of the published page (ODataV4).")
    analytics: str = Field(default="microsoft/analytics/v1.0", description="Path of the analytics API.")
    finance: str = Field(
        default="microsoft/reportsFinance/beta", description="Path of the finance reports API."
    )

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.route == "custom_api" and self.custom is None:
            raise ValueError("ledger route custom_api needs `custom` with publisher and group")
        return self


class Hints(Strict):
    """Where Business Central may tell that something changed: the public address of `sync-engine hints serve`, and what proves a notice."""

    url: str = Field(
        description="https address that reaches the receiver; the name of the source is put behind it."
    )
    secret: SecretRef = Field(
        description="Sent with every subscription (clientState) and expected in every notification."
    )

    @field_validator("url")
    @classmethod
    def _public(cls, url: str) -> str:
        if not url.startswith("https://") and not is_loopback(url):
            raise ValueError("Business Central notifies https addresses only")
        return url.rstrip("/")


class Settings(Strict):
    """One company of one Business Central installation.

    SaaS: tenant_id, environment, company, auth. On premises: base_url (https://host:7048/BC), company, auth, maybe tenant.
    """

    tenant_id: str | None = Field(default=None, description="Id of the Microsoft Entra tenant; online.")
    environment: str | None = Field(
        default=None, description="Name of the environment, such as Production; online."
    )
    company: str | None = Field(
        default=None, description="Name or id; may be left out where there is only one."
    )
    base_url: str = Field(
        default=SAAS, description="Address of the service; on premises such as https://host:7048/BC."
    )
    authority: str | None = Field(
        default=None, description="Where tokens are asked for, where it is not the tenant's usual address."
    )
    scope: str = Field(default=SCOPE, description="What a token is asked for.")
    auth: Auth = Field(description="How to log in; which of the forms below, `kind` says.")
    verify: bool | str = Field(default=True, description="False, or a file of certificate authorities (PEM).")
    tenant: str | None = Field(
        default=None, description="On premises with several tenants: sent as ?tenant=."
    )
    page_size: int = Field(default=5000, ge=1, le=20000, description="Records asked for at once.")
    document_page_size: int = Field(
        default=1000, ge=1, le=20000, description="Documents with their lines asked for at once."
    )
    timeouts: Timeouts = Field(default=Timeouts(), description="How long to wait.")
    attempts: int = Field(
        default=6, ge=1, le=20, description="How often a call is made before it counts as failed."
    )
    largest_answer_mb: int = Field(
        default=256,
        ge=1,
        le=4096,
        description="What is larger, unpacked, is not read: no page of documents comes near it.",
    )
    max_concurrent: int = Field(
        default=4,
        ge=1,
        le=5,
        description="Calls of one login at the same time; Business Central online allows five.",
    )
    calls_per_five_minutes: int = Field(
        default=6000,
        ge=10,
        description="What Business Central online allows a login, all lanes together, on every machine that uses this database.",
    )
    ledger: Ledger = Field(default=Ledger(), description="How payments and applications are read.")
    pages: dict[str, ApiPage] = Field(
        default={}, description="Custom API pages that stand in for standard ones, by wire entity."
    )
    custom_fields: dict[str, list[str]] = Field(
        default={}, description="Fields beyond the standard, by wire entity: their absence is told."
    )
    customer_card: str = Field(
        default="Customer_Card", description="Name of the published customer card (ODataV4)."
    )
    control_accounts: list[str] | Literal["by_category"] = Field(
        default=[],
        description="Receivables accounts to compare with the ledger (check C9), or by_category: those of sub-category Accounts Receivable.",
    )
    contacts_information: bool = Field(
        default=True, description="Ask per customer for contacts that no bulk route links."
    )
    contacts_information_limit: int = Field(
        default=2000, ge=0, description="Customers that may be asked for so in one run: it costs a call each."
    )
    company_contacts: bool = Field(
        default=False,
        description="Ask also for companies without people, a call for each: only for a mapping that keeps company_contacts.",
    )
    hints: Hints | None = Field(
        default=None,
        description="Notifications that wake the lane before its schedule does; left out, it only polls.",
    )

    @field_validator("base_url", "authority")
    @classmethod
    def _address(cls, url: str | None) -> str | None:
        if url is None:
            return None
        url = url.rstrip("/")
        if not url.startswith(("http://", "https://")):
            raise ValueError("an address starts with https://")
        if "?" in url or "@" in url:
            raise ValueError("an address holds neither a query nor a user")
        if urlsplit(url).hostname == WEB_CLIENT:
            raise ValueError(
                f"{WEB_CLIENT} is where people work: leave base_url out and set tenant_id and environment"
            )
        url = url.removesuffix("/api/v2.0").removesuffix("/ODataV4")
        return SAAS if url == f"{SAAS}/v2.0" else url

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        if self.base_url == SAAS and not self.environment:
            raise ValueError(
                "environment is missing (for example production); on premises set base_url instead"
            )
        if urlsplit(self.base_url).hostname == urlsplit(SAAS).hostname and self.auth.kind == "basic":
            raise ValueError(
                "Business Central online takes no basic login since October 2022: use kind secret or certificate"
            )
        if self.auth.kind in ("secret", "certificate") and not (self.authority or self.tenant_id):
            raise ValueError("tenant_id (or authority) is missing: where is the token asked for?")
        for name, url in (("base_url", self.base_url), ("authority", self.authority or "")):
            if url.startswith("http://") and self.auth.kind != "none" and not is_loopback(url):
                raise ValueError(f"{name} must be https: a login is never sent in the clear")
        return self

    @property
    def is_online(self) -> bool:
        """Whether this is Business Central online, however its address is written: then its limits hold."""
        return bool(self.environment) or urlsplit(self.base_url).hostname == urlsplit(SAAS).hostname

    @property
    def root(self) -> str:
        """The service root: SaaS puts platform version, tenant and environment before /api, unless base_url has them already."""
        if not self.environment or "/v2.0/" in self.base_url:
            return self.base_url
        place = "/".join(part for part in (self.tenant_id, self.environment) if part)
        return f"{self.base_url}/v2.0/{place}"

    @property
    def login_authority(self) -> str:
        """Where tokens come from."""
        return self.authority or f"{AUTHORITY}/{self.tenant_id}"

    @classmethod
    def read(cls, given: dict[str, Any]) -> Settings:
        """Settings from plain values; raises pydantic's ValidationError, or ConfigurationError for a secret in the open."""
        return cls.model_validate(given)
