"""How one logs in to a CRM, and the client that does; a web page instead of an answer means that the login was lost."""

from __future__ import annotations

from collections.abc import Generator
from urllib.parse import urlsplit

import httpx

from connectors.dynamics_crm import organization_data, web_api
from connectors.dynamics_crm.settings import BasicAuth, CertificateAuth, SecretAuth, Settings
from connectors.toolkit.auth.login import Login
from connectors.toolkit.auth.static import BasicLogin
from connectors.toolkit.http.client import HttpClient
from connectors.toolkit.http.limits import Limits
from sync_engine.errors import AuthenticationFailed
from sync_engine.ports import Clock

WINDOW = 300.0
"""Seconds in which the requests of a user are counted. [facts: section 3.5]"""


class BasicCrmLogin(BasicLogin):
    """Basic, and once more where a web page comes instead of data: the CRM's own sign of a session that is over. [facts: section 1.1]"""

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Raises AuthenticationFailed where a web page comes twice."""
        request.headers.update(self.headers(request))
        for attempt in (1, 2):
            answer = yield request
            if not _is_page(answer):
                return
            request.headers.pop("cookie", None)
            if attempt == 2:
                raise AuthenticationFailed(
                    "answers with a web page instead of data: the login is lost, or it wants a form (ADFS), which this engine does not fill in",
                    key="auth",
                    todo="Allow Basic for the CRM's web site, and check user and password.",
                )


def _is_page(answer: httpx.Response) -> bool:
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    return answer.is_success and kind in ("text/html", "application/xhtml+xml")


def login_of(settings: Settings) -> Login:
    """The login an organisation is configured with; nothing is asked for yet."""
    match settings.auth:
        case SecretAuth() | CertificateAuth() as auth:
            return auth.login(settings.authority_of(auth.tenant_id), settings.scope)
        case BasicAuth() as auth:
            return BasicCrmLogin(auth.user, auth.password)
        case _:
            raise AssertionError("the settings refuse other logins")


def _who(settings: Settings) -> str:
    match settings.auth:
        case SecretAuth(client_id=who) | CertificateAuth(client_id=who) | BasicAuth(user=who):
            return who
        case _:
            return ""


def client_of(
    source: str, settings: Settings, clock: Clock, transport: httpx.BaseTransport | None
) -> HttpClient:
    """The client of one organisation. Dataverse says with a 429 how long to wait; the service of 2011 has no published limits."""
    is_online = settings.dialect == "web_api"
    return HttpClient(
        whose=source,
        clock=clock,
        login=login_of(settings),
        home=settings.base_url,
        transport=transport,
        verify=settings.verify,
        headers=web_api.HEADERS if is_online else organization_data.HEADERS,
        limits=Limits(
            connect=settings.timeouts.connect,
            read=settings.timeouts.read,
            concurrent=settings.max_concurrent,
            calls_per_window=settings.calls_per_five_minutes if is_online else None,
            window=WINDOW,
            patience=WINDOW,
        ),
        shared="" if transport else f"{urlsplit(settings.base_url).netloc} {_who(settings)}",
    )
