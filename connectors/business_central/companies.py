"""Environments and companies of a login, and which of them a source's settings mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from pydantic import ValidationError

from connectors.business_central.installation import Installation
from connectors.business_central.settings import Settings
from connectors.toolkit.http.client import HttpClient
from connectors.toolkit.http.errors import Refused
from connectors.toolkit.odata.pages import Pages
from connectors.toolkit.pagination import PageSize
from connectors.toolkit.rows import Fields
from sync_engine.errors import (
    AuthenticationFailed,
    ConfigurationError,
    PermissionMissing,
    ProtocolViolation,
    SourceError,
    TransientError,
)
from sync_engine.records import FoundCompany

_LISTS = ("/environments/v1.2", "/environments/v1.1", "/admin/v2.0/applications/BusinessCentral/environments")
"""Where environments are listed; an app without a user may only be allowed the last one. [D:webservices/api-get-environments.md; LIVE hg]"""


class _Environment(msgspec.Struct):
    name: str


_ENVIRONMENT = Fields(_Environment)


def companies_of(client: HttpClient, pages: Pages, own: Settings) -> list[FoundCompany]:
    """All companies of all environments, with why one cannot be entered. `own.company` need not be set.

    Raises what refuses the configured environment; what another one refuses is told beside it.
    """
    found: list[FoundCompany] = []
    for environment in _environments(pages, own):
        settings = own.model_copy(update={"environment": environment or None})
        site = Installation(client, settings)
        try:
            companies = site.companies() or ()
        except (SourceError, ConfigurationError, TransientError) as failure:
            if environment == (own.environment or ""):
                raise
            found.append(FoundCompany(environment, "", "(every company)", "", failure.what))
            continue
        for company in companies:
            one = Installation(client, settings.model_copy(update={"company": company.id}))
            one.__dict__["company"] = company
            called = tuple(filter(None, (company.id, company.name, company.display_name)))
            found.append(
                FoundCompany(
                    environment,
                    company.id,
                    company.label,
                    company.version,
                    _closed(one),
                    called,
                    len(companies) == 1,
                    {"company": company.id, **({"environment": environment} if environment else {})},
                )
            )
    return found


def is_meant(ours: Settings, connection: Mapping[str, Any], company: FoundCompany) -> bool:
    """Whether settings mean this company: the same address and tenant, its environment, one of its names."""
    try:
        theirs = Settings.model_validate(connection)
    except ValidationError:
        return False
    if (theirs.tenant_id, theirs.base_url, theirs.tenant) != (ours.tenant_id, ours.base_url, ours.tenant):
        return False
    if (theirs.environment or "").casefold() != company.environment.casefold():
        return False
    if theirs.company is None:
        return company.alone
    return theirs.company.casefold() in {called.casefold() for called in company.called}


def _environments(pages: Pages, own: Settings) -> list[str]:
    host, inside, _ = own.base_url.partition("/v2.0/")  # an address with the environment in it means that one
    if not own.environment or inside:
        return [own.environment or ""]
    for place in _LISTS:
        try:
            walk = pages.walk(f"{host}{place}", key="environments", size=PageSize(1000))
            names = [row.name for page in walk for row in _ENVIRONMENT.all(page.rows)]
        except (Refused, PermissionMissing, AuthenticationFailed, ProtocolViolation):
            continue
        if names:
            return names
    return [own.environment]


def _closed(site: Installation) -> str:
    try:
        site.enter()
    except (SourceError, ConfigurationError, TransientError) as failure:
        return failure.what
    return ""
