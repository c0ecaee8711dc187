"""The door of a CRM: who may come in, and what goes wrong at it. One transport answers both services and the token endpoint."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote

import httpx

from tests.simulators.dynamics_crm.organization_data import OrganizationDataService
from tests.simulators.dynamics_crm.state import Crm
from tests.simulators.dynamics_crm.web_api import WebApiService, encoded

SECRET, PASSWORD, TENANT, CLIENT, USER = (
    "crm~of~simulator",
    "password~of~simulator",
    "contoso",
    "an-app",
    "CONTOSO\\reader",
)
ORIGIN = "https://crm.example.com"
LOGIN_PAGE = (
    b"<!DOCTYPE html><html><body><form action='/adfs/ls/'><input name='UserName'></form></body></html>"
)


@dataclass
class CrmTransport(httpx.BaseTransport):
    """An httpx transport into one organisation. `asked` are the requests; `pages` and `throttled` how many answers go wrong from now on, `lost` how
    many changes are taken without an answer, `silent` how many neither. `edited` is called before the next change is taken.
    """

    crm: Crm
    asked: list[str] = field(default_factory=list)
    headers: list[httpx.Headers] = field(default_factory=list)
    pages: int = 0
    throttled: int = 0
    lost: int = 0
    silent: int = 0
    edited: Callable[[], object] | None = None
    secret: str = SECRET
    password: str = PASSWORD

    def __post_init__(self) -> None:
        self.web_api = WebApiService(self.crm, f"{ORIGIN}/api/data/v9.2")
        self.organization_data = OrganizationDataService(
            self.crm, f"{ORIGIN}/Contoso/XRMServices/2011/OrganizationData.svc"
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        path, _, query = request.url.raw_path.decode().partition("?")
        if path.startswith(f"/{TENANT}/"):
            return self._token_service(request, path)
        self.asked.append(f"{request.method} {path}{'?' if query else ''}{query}")
        self.headers.append(request.headers)
        if self.throttled:
            self.throttled -= 1
            text = "Number of requests exceeded the limit of 6000, measured over time window of 300 seconds."
            return self._answer(429, {"error": {"code": "0x80072322", "message": text}}, {"Retry-After": "7"})
        if path.startswith("/api/data/v9.2/"):
            if request.headers.get("authorization") != f"Bearer token of {self.secret}":
                return self._answer(401, {"error": {"code": "", "message": "The token is not valid"}})
            behind = unquote(path.removeprefix("/api/data/v9.2/"))
            if request.method == "PATCH":
                return self._change(
                    request,
                    lambda: self.web_api.patch(behind, request.headers.get("if-match", ""), request.content),
                )
            assert request.method == "GET", request.method
            return self._answer(*self.web_api.get(behind, query, request.headers.get("prefer", "")))
        pair = base64.b64encode(f"{USER}:{self.password}".encode()).decode()
        if self.pages:
            self.pages -= 1
            return httpx.Response(
                200, headers={"Content-Type": "text/html; charset=utf-8", **self._date()}, content=LOGIN_PAGE
            )
        if request.headers.get("authorization") != f"Basic {pair}":
            return httpx.Response(
                401, headers={"Content-Type": "text/html", **self._date()}, content=b"<html>401</html>"
            )
        behind = unquote(path.split("/OrganizationData.svc/", 1)[-1])
        if request.method == "POST":
            assert request.headers.get("x-http-method") == "MERGE", "nothing is created"
            return self._change(request, lambda: self.organization_data.merge(behind, request.content))
        return self._answer(*self.organization_data.get(behind, query))

    def _change(
        self, request: httpx.Request, take: Callable[[], tuple[int, dict[str, Any]]]
    ) -> httpx.Response:
        if self.edited is not None:
            edited, self.edited = self.edited, None
            edited()
        if self.silent:
            self.silent -= 1
            raise httpx.ReadTimeout("no answer", request=request)
        status, said = take()
        if self.lost and status < 300:
            self.lost -= 1
            raise httpx.ReadTimeout("no answer", request=request)
        return self._answer(status, said) if said else httpx.Response(status, headers=self._date())

    def _token_service(self, request: httpx.Request, path: str) -> httpx.Response:
        if path.endswith("/.well-known/openid-configuration"):
            base = f"{ORIGIN}/{TENANT}"
            return self._answer(200, {
                "token_endpoint": f"{base}/oauth2/v2.0/token", "authorization_endpoint": f"{base}/oauth2/v2.0/authorize", "issuer": f"{base}/v2.0"
            })  # fmt: skip
        form = dict(parse_qsl(request.content.decode()))
        if form.get("scope") != f"{ORIGIN}/.default" or form.get("client_secret") != self.secret:
            text = "AADSTS7000215: Invalid client secret provided."
            return self._answer(
                401, {"error": "invalid_client", "error_description": text, "error_codes": [7000215]}
            )
        token = {"token_type": "Bearer", "expires_in": 3599, "access_token": f"token of {self.secret}"}
        return self._answer(200, token)

    def _answer(
        self, status: int, body: dict[str, Any], more: dict[str, str] | None = None
    ) -> httpx.Response:
        headers = {"Content-Type": "application/json; odata.metadata=minimal", **self._date(), **(more or {})}
        return httpx.Response(status, headers=headers, content=encoded(body))

    def _date(self) -> dict[str, str]:
        return {"Date": self.crm.at.strftime("%a, %d %b %Y %H:%M:%S GMT")}
