"""How Business Central refuses, and the client that knows it. [facts: section 6, error bodies; case 23]"""

from __future__ import annotations

from urllib.parse import urlsplit

import httpx

from connectors.business_central.settings import BasicAuth, Settings
from connectors.toolkit.auth.entra_settings import EntraCertificate, EntraSecret
from connectors.toolkit.auth.login import Login
from connectors.toolkit.auth.static import BasicLogin
from connectors.toolkit.http.client import HttpClient
from connectors.toolkit.http.errors import Refused
from connectors.toolkit.http.limits import Limits
from sync_engine.errors import ConfigurationError, SyncError
from sync_engine.ports import Clock


def passes(refusal: Refused) -> bool:
    """What passes by itself when it is asked again: a deadlock, a table that is locked, a record that was edited while it was read.

    Reading a draft may write its discounts, so a reader too can be told that another user has changed the record.
    [facts: section 3, section 5; LIVE hg 616ba6b]
    """
    if refusal.code == "Request_EntityChanged":
        return True
    text = refusal.message.lower()
    return refusal.status in (400, 409) and any(
        words in text for words in ("deadlock", "retry the activity", "please try again later")
    )


def explained(failure: SyncError, settings: Settings, whose: str) -> SyncError:
    """The same failure with what a person can do about it, where Business Central is known to mean something by it."""
    if not isinstance(failure, Refused):
        return failure
    if failure.code == "NoEnvironment" or "Environment does not exist" in failure.message:
        return ConfigurationError(
            f"there is no environment {settings.environment!r}",
            whose=whose,
            key="environment",
            todo="Write its name as the admin centre shows it; `sources discover` lists the environments.",
        )
    if failure.status == 405:
        return ConfigurationError(
            "web services are off (HTTP 405)",
            whose=whose,
            key="base_url",
            todo="Switch on ODataServicesEnabled and ApiServicesEnabled on the Business Central server.",
        )
    if "data upgrade" in failure.message:
        return ConfigurationError(
            failure.what, whose=whose, key=failure.key, todo="Run the API data upgrade in Business Central."
        )
    return failure


def login_of(settings: Settings) -> Login | None:
    """The login an installation is configured with; nothing is asked for yet."""
    match settings.auth:
        case EntraSecret() | EntraCertificate() as auth:
            return auth.login(settings.login_authority, settings.scope)
        case BasicAuth() as auth:
            return BasicLogin(auth.user, auth.key)
        case _:
            return None


_WINDOW = 300.0
"""Seconds in which Business Central online counts the requests of a user; it processes five of them at a time and queues the rest. A
429 passes when older requests leave the window. [D:administration/operational-limits-online.md]
"""


def _who(settings: Settings) -> str:
    """One login on one host, which is what limits are counted by; nobody where there is no login."""
    match settings.auth:
        case EntraSecret(client_id=who) | EntraCertificate(client_id=who) | BasicAuth(user=who):
            return f"{urlsplit(settings.base_url).netloc} {who}"
        case _:
            return ""


def client_of(
    source: str, settings: Settings, clock: Clock, transport: httpx.BaseTransport | None
) -> HttpClient:
    """The client of one installation. Accept-Language keeps messages in one language. [D:developer/devenv-connect-apps-tips.md]"""
    return HttpClient(
        whose=source,
        clock=clock,
        login=login_of(settings),
        home=settings.base_url,
        transport=transport,
        verify=settings.verify,
        headers={"Accept": "application/json", "Accept-Language": "en-US", "User-Agent": "sync-engine"},
        limits=Limits(
            connect=settings.timeouts.connect,
            read=settings.timeouts.read,
            attempts=settings.attempts,
            concurrent=settings.max_concurrent,
            largest=settings.largest_answer_mb << 20,
            calls_per_window=settings.calls_per_five_minutes if settings.is_online else None,
            window=_WINDOW,
            patience=_WINDOW,
        ),
        passing=passes,
        shared=_who(settings) if transport is None else "",
    )
