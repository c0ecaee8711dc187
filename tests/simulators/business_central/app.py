"""The simulator itself: one WSGI callable that signs in, routes, answers, and lets faults interfere."""

import base64
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from hmac import compare_digest
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from tests.simulators.business_central.admin import Admin
from tests.simulators.business_central.batch import answer_batch
from tests.simulators.business_central.catalogue import PAGES, catalogues
from tests.simulators.business_central.errors import GatewayError, ODataError, dialog, not_found, unauthorized
from tests.simulators.business_central.faults import Fault
from tests.simulators.business_central.http import ConnectionDropped, Request, Response, from_environ
from tests.simulators.business_central.oauth import TokenService
from tests.simulators.business_central.resources import Resources, Root, parse_path
from tests.simulators.business_central.schema import Catalogue
from tests.simulators.business_central.state import ActionRefused
from tests.simulators.business_central.webhooks import Notify, Webhooks
from tests.simulators.business_central.world import Company, Installation, World
from tests.simulators.business_central.writeback import Writer

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse

ENVIRONMENTS = re.compile(
    r"^/(?:environments/v1\.[12]|admin/v2\.\d+/applications/BusinessCentral/environments)$"
)
TOKEN = re.compile(r"^/(?P<tenant>[^/]+)/oauth2/v2\.0/token$")
OPENID = re.compile(r"^/(?P<tenant>[^/]+)/v2\.0/\.well-known/openid-configuration$")
SAAS = re.compile(
    r"^/v2\.0/(?:(?P<tenant>[^/]+)/)?(?P<environment>[^/]+)/(?P<kind>api|ODataV4)/(?P<rest>.*)$"
)
ON_PREM = re.compile(r"^/(?P<instance>[^/]+)/(?P<kind>api|ODataV4)/(?P<rest>.*)$")


@dataclass(frozen=True)
class Logged:
    """One request that was served; headers and bodies are not kept."""

    at: datetime
    method: str
    target: str
    status: int
    prefer: str = ""
    intent: str = ""


class BusinessCentralSimulator:
    """Serves a world over the wire of Business Central; safe to call from several threads."""

    def __init__(
        self,
        world: World | None = None,
        sleep: Callable[[float], None] = time.sleep,
        notify: Notify | None = None,
    ) -> None:
        self.world = world or World()
        self.sleep = sleep
        self.tokens = TokenService(self.world)
        self.webhooks = Webhooks(self.world, notify)
        self.faults: list[Fault] = []
        self.log: deque[Logged] = deque(maxlen=100_000)
        self.lock = threading.RLock()
        self.max_in_flight = 0
        self._in_flight = 0
        self._known: tuple[Installation, dict[str, Catalogue]] | None = None
        self.admin = Admin(self)

    # Entry points ---------------------------------------------------------------------------------

    def __call__(self, environ: Mapping[str, Any], start_response: "StartResponse") -> Iterable[bytes]:
        status, headers, body = self.handle(from_environ(environ)).finished()
        start_response(status, headers)
        return [body]

    def handle(self, request: Request) -> Response:
        """Answer one request; raises ConnectionDropped when a fault hangs up."""
        with self.lock:
            self._in_flight += 1
            self.max_in_flight = max(self.max_in_flight, self._in_flight)
        try:
            for delay in self._delays(request):
                self.sleep(delay)
            with self.lock:
                response = self._answer(request)
        finally:
            with self.lock:
                self._in_flight -= 1
        self.webhooks.deliver()
        return response

    def inject(self, *faults: Fault) -> None:
        """Let faults interfere from now on; several work together."""
        with self.lock:
            for fault in faults:
                fault.attach(self)
                self.faults.append(fault)

    def heal(self) -> None:
        """Take all faults away."""
        with self.lock:
            self.faults.clear()

    def requests(self, pattern: str = "") -> list[Logged]:
        """The requests served so far whose path and query match."""
        return [x for x in self.log if re.search(pattern, x.target)]

    # Answering ------------------------------------------------------------------------------------

    def _delays(self, request: Request) -> list[float]:
        with self.lock:
            return [fault.delay for fault in self.faults if fault.delay and fault.strikes(request)]

    def _answer(self, request: Request) -> Response:
        if request.path.startswith("/_admin/"):
            return self.admin.answer(request)
        try:
            response = self._with_faults(request)
        except ConnectionDropped:
            self._remember(request, 0)
            raise
        correlation = str(uuid4())
        response.headers.setdefault("Date", format_datetime(self.world.clock(), usegmt=True))
        response.headers.setdefault("request-id", correlation)
        response.headers.setdefault("ms-correlation-x", correlation)
        self._remember(request, response.status)
        return response

    def _with_faults(self, request: Request) -> Response:
        """A fault may answer first; otherwise each may spoil the real answer."""
        response = None
        try:
            for fault in self.faults:
                answer = fault.before(request)
                response = response or answer
            if response is not None:
                return response
            response = self._undisturbed(request)
        finally:
            for fault in self.faults:
                fault.release()
        for fault in self.faults:
            response = fault.after(request, response)
        return response

    def _remember(self, request: Request, status: int) -> None:
        """Status 0 stands for a connection that was dropped."""
        self.log.append(
            Logged(
                self.world.clock(),
                request.method,
                request.target,
                status,
                request.header("prefer"),
                request.header("data-access-intent"),
            )
        )

    def _undisturbed(self, request: Request) -> Response:
        try:
            return self._route(request)
        except ODataError as refused:
            return Response(refused.status, payload=refused.envelope(), headers=refused.headers)
        except ActionRefused as refused:
            return Response(400, payload=dialog(str(refused)).envelope())
        except GatewayError as refused:
            return Response(refused.status, body=refused.xml(), headers={"Content-Type": "application/xml"})

    def _route(self, request: Request) -> Response:
        if found := TOKEN.match(request.path):
            return self.tokens.token(request, found["tenant"])
        if found := OPENID.match(request.path):
            return self.tokens.configuration(request, found["tenant"])
        if ENVIRONMENTS.match(request.path):
            self._check_sign_in(request)
            return self._environments(request)
        root = self._root(request)
        self._check_sign_in(request)
        if request.header("data-access-intent").lower() == "readonly" and request.method != "GET":
            raise ODataError(
                400, "BadRequest", "The Data-Access-Intent header is only valid for GET requests."
            )
        segments = parse_path(root.below) if not root.below.startswith("$") else []
        if segments and segments[0].name == "subscriptions":
            return self.webhooks.answer(request, segments[0].key)
        if request.method == "POST" and root.below == "$batch":
            return answer_batch(self.world, request, root.url, self._undisturbed)
        resources = Resources(self.world, root, request)
        if request.method == "GET":
            return resources.get()
        return Writer(resources).answer(request)

    def _root(self, request: Request) -> Root:
        """The API root a path is under; wrong environments and switched-off services end here."""
        installed = self.world.installation
        found = (SAAS if installed.deployment == "saas" else ON_PREM).match(request.path)
        if installed.deployment != "saas" and not installed.services_enabled:
            raise ODataError(405, "BadRequest_MethodNotAllowed", "Method not allowed.")
        if found is None:
            raise not_found(request.path.strip("/").split("/")[0])
        if installed.deployment == "saas":
            self._check_environment(found["tenant"], found["environment"])
        elif found["instance"] != installed.instance:
            raise not_found(found["instance"])
        elif installed.multi_tenant and request.options.get("tenant") is None:
            raise ODataError(400, "BadRequest_RequiredParamNotProvided", "You must specify the tenant.")
        known = self._catalogues()
        rest = found["rest"].strip("/")
        before = request.path[: found.start("rest")].rstrip("/")
        if found["kind"] == PAGES:
            return Root(request.origin + before, known[PAGES], rest)
        for route, catalogue in known.items():
            if rest == route or rest.startswith(f"{route}/"):
                return Root(f"{request.origin}{before}/{route}", catalogue, rest[len(route) :].strip("/"))
        raise not_found(rest.split("/")[0])

    def _check_environment(self, tenant: str | None, environment: str) -> None:
        if environment.lower() != self.world.installation.environment.lower():
            raise GatewayError(404, "NoEnvironment", "Environment does not exist.")
        if tenant is not None and not self.tokens.knows_tenant(tenant):
            raise unauthorized()

    def _catalogues(self) -> dict[str, Catalogue]:
        """Built once per installation; an admin replaces the installation to change it."""
        installed = self.world.installation
        if self._known is None or self._known[0] != installed:
            self._known = (Installation(**vars(installed)), catalogues(installed))
        return self._known[1]

    def _check_sign_in(self, request: Request) -> None:
        kind, _, credential = request.header("authorization").partition(" ")
        installed = self.world.installation
        if installed.deployment != "saas" and kind.lower() == "basic":
            if compare_digest(credential, basic_credential(installed)):
                return
        elif kind.lower() == "bearer" and self.tokens.accepts(credential) and installed.registered_in_bc:
            return
        raise unauthorized()

    def _environments(self, request: Request) -> Response:
        installed = self.world.installation
        country = next((x.country for x in self.world.companies.values()), "US")
        row: dict[str, Any] = {
            "aadTenantId": installed.tenant_id,
            "applicationFamily": "BusinessCentral",
            "type": "Production",
            "name": installed.environment,
            "countryCode": country,
            "webServiceUrl": request.origin,
            "webClientLoginUrl": f"{request.origin}/{installed.tenant_id}/{installed.environment}",
            "ringName": "PROD",
            "applicationVersion": f"{installed.version}.4.29661.29727",
            "status": "Active",
        }
        return Response(payload={"value": [row]}, headers={"Content-Type": "application/json; charset=utf-8"})


def basic_credential(installed: Installation) -> str:
    """The Basic credential of user name and web service key."""
    return base64.b64encode(f"{installed.username}:{installed.web_service_key}".encode()).decode()


__all__ = ["BusinessCentralSimulator", "Company", "Logged", "basic_credential"]
