"""Everything that goes wrong with a real service, as small composable objects.

A fault acts on requests whose path and query match its pattern, at most `times` times, with a probability from a
seeded generator. Give several to `simulator.inject(...)`; each sees every request.
"""

import copy
import random
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from tests.simulators.business_central.errors import ODataError
from tests.simulators.business_central.http import ConnectionDropped, Request, Response

if TYPE_CHECKING:
    from tests.simulators.business_central.app import BusinessCentralSimulator
    from tests.simulators.business_central.world import Company

API = r"/(api|ODataV4)/"


class Fault:
    """The base: does nothing, but knows when it is its turn."""

    delay = 0.0

    def __init__(
        self,
        match: str = API,
        times: int | None = None,
        probability: float = 1.0,
        every: int = 1,
        after: int = 0,
        seed: int = 0,
    ) -> None:
        self.match, self.left, self.probability = re.compile(match), times, probability
        self.every, self.skip = every, after
        self.seen = self.struck = 0
        self.random = random.Random(seed)
        self.simulator: BusinessCentralSimulator | None = None

    def attach(self, simulator: "BusinessCentralSimulator") -> None:
        self.simulator = simulator

    def applies(self, request: Request) -> bool:
        return self.left != 0 and bool(self.match.search(request.target))

    def strikes(self, request: Request) -> bool:
        """Whether it interferes with this request; counts it if so."""
        if not self.applies(request):
            return False
        self.seen += 1
        if self.seen <= self.skip or (self.seen - self.skip) % self.every:
            return False
        if self.probability < 1 and self.random.random() >= self.probability:
            return False
        self.struck += 1
        self.left = None if self.left is None else self.left - 1
        return True

    def before(self, request: Request) -> Response | None:
        """An answer instead of the real one."""
        return None

    def release(self) -> None:
        """The world has been read; undo what `before` did to it."""

    def after(self, request: Request, response: Response) -> Response:
        """The real answer, perhaps spoiled."""
        return response


class Answers(Fault):
    """Answers with an error instead of the real thing."""

    def answer(self) -> Response:
        raise NotImplementedError

    def before(self, request: Request) -> Response | None:
        return self.answer() if self.strikes(request) else None


def _odata(status: int, code: str, message: str, **headers: str) -> Response:
    return Response(status, payload=ODataError(status, code, message).envelope(), headers=headers)


class Throttled(Answers):
    """429 every n requests; Retry-After only if given, as it is not promised on 429."""

    def __init__(self, retry_after: int | None = None, **when: Any) -> None:
        super().__init__(**when)
        self.retry_after = retry_after

    def answer(self) -> Response:
        response = _odata(
            429, "Application_TooManyRequests", "Too many requests reached. Actual (101). Maximum (100)."
        )
        if self.retry_after is not None:
            response.headers["Retry-After"] = str(self.retry_after)
        return response


class ServerBusy(Answers):
    """502, 503, 504 or 408; 502 and 503 may say when to come back."""

    def __init__(self, status: int = 503, retry_after: int | None = None, **when: Any) -> None:
        super().__init__(**when)
        self.status, self.retry_after = status, retry_after

    def answer(self) -> Response:
        texts = {
            408: (
                "Application_OperationTimeout",
                "The operation has been cancelled because it took too long.",
            ),
            503: ("Internal_ServerBusy", "The server is busy. Try again later."),
        }
        code, message = texts.get(self.status, ("Internal_ServerError", "The service is unavailable."))
        response = _odata(self.status, code, message)
        if self.retry_after is not None:
            response.headers["Retry-After"] = str(self.retry_after)
        return response


class Deadlock(Answers):
    """The 409 that is worth a retry."""

    def answer(self) -> Response:
        text = "The activity was deadlocked with another user. Please retry the activity."
        return Response(409, payload={"error": {"code": "Internal_ServerError", "message": text}})


class TryAgainLater(Answers):
    """The 400 (or 409) that is worth a retry."""

    def __init__(self, status: int = 400, **when: Any) -> None:
        super().__init__(**when)
        self.status = status

    def answer(self) -> Response:
        return _odata(
            self.status, "Application_DialogException", "The table is locked. Please try again later."
        )


class EditedMeanwhile(Answers):
    """The 409 of a draft that somebody saved while reading it wrote its discounts."""

    def answer(self) -> Response:
        return _odata(409, "Request_EntityChanged", "Another user has already changed the record.")


class DataUpgradeNeeded(Answers):
    """The 400 that only the tenant's administrator can cure."""

    def answer(self) -> Response:
        return _odata(400, "Application_DialogException", "You must run the data upgrade for this API page.")


class HtmlErrorPage(Answers):
    """A proxy's page in HTML."""

    def __init__(self, status: int = 502, **when: Any) -> None:
        super().__init__(**when)
        self.status = status

    def answer(self) -> Response:
        page = f"<html><head><title>{self.status}</title></head><body><h1>Bad Gateway</h1></body></html>"
        return Response(self.status, body=page.encode(), headers={"Content-Type": "text/html; charset=utf-8"})


class XmlError(Answers):
    """The gateway's error in XML."""

    def __init__(
        self, status: int = 503, code: str = "ServiceUnavailable", message: str = "Try later.", **when: Any
    ) -> None:
        super().__init__(**when)
        self.status, self.code, self.message = status, code, message

    def answer(self) -> Response:
        text = f'<error xmlns="http://docs.oasis-open.org/odata/ns/metadata"><code>{self.code}</code><message>{self.message}</message></error>'
        return Response(self.status, body=text.encode(), headers={"Content-Type": "application/xml"})


class Refuses(Answers):
    """The server answers with an error of its own: 403, 404, 500."""

    def __init__(self, status: int, **when: Any) -> None:
        super().__init__(**when)
        self.status = status

    def answer(self) -> Response:
        return _odata(self.status, "Internal_ServerError", "Not now.")


class EmptyUnauthorized(Answers):
    """A 401 without a body."""

    def answer(self) -> Response:
        return Response(401, headers={"Content-Type": "text/html"})


class ExpiresToken(Fault):
    """After n requests every token issued so far is worthless, once; more often with `every`."""

    def __init__(self, after: int = 1, times: int | None = 1, **when: Any) -> None:
        super().__init__(after=after, times=times, **when)

    def before(self, request: Request) -> Response | None:
        if self.strikes(request) and self.simulator is not None:
            self.simulator.tokens.revoke_all()
        return None


class DropsConnection(Fault):
    """Hangs up, before anything was sent or in the middle of the body."""

    def __init__(self, midway: bool = False, **when: Any) -> None:
        super().__init__(**when)
        self.midway = midway

    def after(self, request: Request, response: Response) -> Response:
        if not self.strikes(request):
            return response
        body = response.encoded()
        raise ConnectionDropped(body[: len(body) // 2] if self.midway else b"")


class SlowPages(Fault):
    """Answers late; the simulator's sleep is injected."""

    def __init__(self, seconds: float, **when: Any) -> None:
        super().__init__(**when)
        self.delay = seconds


class LargePagesTimeOut(Fault):
    """408 or 504 while the page holds more rows than the server manages."""

    def __init__(self, rows: int, status: int = 408, **when: Any) -> None:
        super().__init__(**when)
        self.rows, self.status = rows, status

    def after(self, request: Request, response: Response) -> Response:
        if response.served is None or len(response.served.keys) <= self.rows or not self.strikes(request):
            return response
        return ServerBusy(self.status).answer()


class Spoils(Fault):
    """Changes the answer's JSON."""

    def spoil(self, request: Request, payload: dict[str, Any]) -> None:
        raise NotImplementedError

    def ready(self, response: Response) -> bool:
        return response.payload is not None and isinstance(response.payload.get("value"), list)

    def after(self, request: Request, response: Response) -> Response:
        if self.ready(response) and self.strikes(request) and response.payload is not None:
            self.spoil(request, response.payload)
        return response


class RepeatsPage(Spoils):
    """The next link leads back to the page it stands on."""

    def spoil(self, request: Request, payload: dict[str, Any]) -> None:
        path = request.path.replace(" ", "%20")
        payload["@odata.nextLink"] = f"{request.origin}{path}?{request.query}"


class ForeignNextLink(Spoils):
    """The next link names another host."""

    def __init__(self, host: str = "attacker.example.com", **when: Any) -> None:
        super().__init__(**when)
        self.host = host

    def ready(self, response: Response) -> bool:
        return super().ready(response) and "@odata.nextLink" in (response.payload or {})

    def spoil(self, request: Request, payload: dict[str, Any]) -> None:
        parts = urlsplit(str(payload["@odata.nextLink"]))
        payload["@odata.nextLink"] = urlunsplit(parts._replace(netloc=self.host))


class ShortSweep(Spoils):
    """A list that ends early without saying so: only `keep` rows and no next link."""

    def __init__(self, keep: int, **when: Any) -> None:
        super().__init__(**when)
        self.keep = keep

    def spoil(self, request: Request, payload: dict[str, Any]) -> None:
        payload["value"] = payload["value"][: self.keep]
        payload.pop("@odata.nextLink", None)


class MalformedRecord(Spoils):
    """One row has a value that is none: `field` becomes `value`, or vanishes when the value is None.

    The row is named by `record_id` or by its place in the page.
    """

    def __init__(
        self, field: str, value: Any = None, record_id: str | None = None, place: int = 0, **when: Any
    ) -> None:
        super().__init__(**when)
        self.field, self.value, self.record_id, self.place = field, value, record_id, place

    def ready(self, response: Response) -> bool:
        return super().ready(response) and self._row(response.payload or {}) is not None

    def _row(self, payload: Any) -> dict[str, Any] | None:
        rows = payload["value"]
        if self.record_id is not None:
            return next((row for row in rows if self.record_id in (row.get("id"), row.get("number"))), None)
        return rows[self.place] if self.place < len(rows) else None

    def spoil(self, request: Request, payload: dict[str, Any]) -> None:
        row = self._row(payload)
        if row is not None and self.value is None:
            row.pop(self.field, None)
        elif row is not None:
            row[self.field] = self.value


class BlankRows(Spoils):
    """A row in which every field is blank, as some published pages give."""

    def spoil(self, request: Request, payload: dict[str, Any]) -> None:
        if payload["value"]:
            first = payload["value"][0]
            payload["value"].append({k: "" if isinstance(v, str) else 0 for k, v in first.items()})


class Rewrites(Fault):
    """Changes the bytes of an answer: what no JSON encoder writes."""

    def __init__(self, change: Callable[[bytes], bytes], **when: Any) -> None:
        super().__init__(**when)
        self.change = change

    def after(self, request: Request, response: Response) -> Response:
        if response.status == 200 and self.strikes(request):
            response.body, response.payload = self.change(response.encoded()), None
        return response


class EndsWithError(Spoils):
    """A page that began well, status 200, and ends with an error."""

    def spoil(self, request: Request, payload: dict[str, Any]) -> None:
        payload["error"] = {"code": "Internal_ServerError", "message": "The operation was cancelled."}
        payload.pop("@odata.nextLink", None)


class OddNextLink(Spoils):
    """The next link is no address."""

    def __init__(self, link: Any, **when: Any) -> None:
        super().__init__(**when)
        self.link = link

    def spoil(self, request: Request, payload: dict[str, Any]) -> None:
        payload["@odata.nextLink"] = self.link


class LeadsOn(Spoils):
    """Every page leads to another with a token never seen before: empty ones, or the first ones again and again."""

    def __init__(self, circle: int = 0, **when: Any) -> None:
        super().__init__(**when)
        self.circle, self.turn, self.rows = circle, 0, list[Any]()

    def before(self, request: Request) -> Response | None:
        if "$skiptoken=endless-" not in request.target:
            return None
        size = max(1, len(self.rows) // self.circle) if self.circle else 0
        start = self.turn % self.circle * size if self.circle else 0
        return Response(
            payload={"value": self.rows[start : start + size], "@odata.nextLink": self._link(request)}
        )

    def spoil(self, request: Request, payload: dict[str, Any]) -> None:
        if "$skiptoken=endless-" not in request.target:
            self.rows = payload["value"] * max(1, self.circle)
            payload["value"], payload["@odata.nextLink"] = (
                payload["value"] if self.circle else [],
                self._link(request),
            )

    def _link(self, request: Request) -> str:
        self.turn += 1
        return f"{request.origin}{request.path.replace(' ', '%20')}?$skiptoken=endless-{self.turn}"


class InnerLink(Spoils):
    """A list inside a row holds its first `keep` rows and a link to the others; without `told` it only stops there."""

    def __init__(self, name: str, keep: int = 1, *, told: bool = True, link: Any = None, **when: Any) -> None:
        super().__init__(**when)
        self.name, self.keep, self.told, self.link = name, keep, told, link
        self.rest: dict[str, list[Any]] = {}

    def before(self, request: Request) -> Response | None:
        token = request.target.rpartition("$skiptoken=inner-")[2]
        return Response(payload={"value": self.rest[token]}) if token in self.rest else None

    def spoil(self, request: Request, payload: dict[str, Any]) -> None:
        for row in payload["value"]:
            inner = row.get(self.name) if isinstance(row, dict) else None
            if not inner or len(inner) <= self.keep:
                continue
            self.rest[row["id"]] = inner[self.keep :]
            row[self.name] = inner[: self.keep]
            if self.told:
                path = request.path.replace(" ", "%20")
                rest = f"{request.origin}{path}({row['id']})/{self.name}?$skiptoken=inner-{row['id']}"
                row[f"{self.name}@odata.nextLink"] = rest if self.link is None else self.link


class ChangesWhileReading(Fault):
    """Something happens in the world right after a page was served.

    `change` gets the simulator; over HTTP give `actions`, a list of admin actions, of which one is taken each time.
    """

    def __init__(
        self,
        change: "Callable[[BusinessCentralSimulator], None] | None" = None,
        actions: list[dict[str, Any]] | None = None,
        **when: Any,
    ) -> None:
        super().__init__(**when)
        self.change, self.actions = change, list(actions or [])

    def after(self, request: Request, response: Response) -> Response:
        if response.status != 200 or not self.strikes(request) or self.simulator is None:
            return response
        response.body, response.payload = response.encoded(), None
        if self.change is not None:
            self.change(self.simulator)
        elif self.actions:
            self.simulator.admin.act(self.actions.pop(0))
        return response


class PoisonedExpand(Fault):
    """One record breaks every answer that expands `expand` over it; without the expand all is well. `message` says it in other words."""

    def __init__(
        self,
        record_id: str,
        expand: str = "dimensionSetLines",
        value: str = "GONE",
        message: str = "",
        status: int = 400,
        **when: Any,
    ) -> None:
        super().__init__(**when)
        self.record_id, self.expand, self.value, self.message, self.status = (
            record_id,
            expand,
            value,
            message,
            status,
        )

    def after(self, request: Request, response: Response) -> Response:
        served = response.served
        touched = served is not None and self.record_id in served.keys and self.expand in served.expanded
        if not touched or not self.strikes(request):
            return response
        text = f"The Dimension Value does not exist. Identification fields and values: Dimension Code='DEPARTMENT',Code='{self.value}'"
        return _odata(self.status, "Internal_RecordNotFound", self.message or text)


class ReplicaLag(Fault):
    """Reads with Data-Access-Intent ReadOnly see the world as it was when the fault was injected."""

    def __init__(self, **when: Any) -> None:
        super().__init__(**when)
        self.replica: dict[str, Company] = {}
        self._primary: dict[str, Company] | None = None

    def attach(self, simulator: "BusinessCentralSimulator") -> None:
        super().attach(simulator)
        shared = {id(simulator.world.stamper): simulator.world.stamper}
        self.replica = copy.deepcopy(simulator.world.companies, shared)

    def before(self, request: Request) -> Response | None:
        wanted = request.header("data-access-intent").lower() == "readonly"
        if wanted and self.simulator is not None and self.strikes(request):
            self._primary, self.simulator.world.companies = self.simulator.world.companies, self.replica
        return None

    def release(self) -> None:
        if self._primary is not None and self.simulator is not None:
            self.simulator.world.companies, self._primary = self._primary, None


class DeniesCompany(Fault):
    """The login cannot enter one company, though the list shows it."""

    def __init__(self, company: str, status: int = 403, **when: Any) -> None:
        super().__init__(**when)
        self.company, self.status = company, status

    def before(self, request: Request) -> Response | None:
        inside = re.search(rf"{re.escape(self.company)}['\)]*/\w", request.target) is not None
        if not inside or not self.strikes(request):
            return None
        return _odata(
            self.status, "Internal_ServerError", f"You do not have access to the company {self.company}."
        )


def _kinds(base: type[Fault]) -> dict[str, type[Fault]]:
    found = {base.__name__: base}
    for below in base.__subclasses__():
        found.update(_kinds(below))
    return found


def make_fault(kind: str, **given: Any) -> Fault:
    """A fault by its class name, for the admin API; raises KeyError."""
    return {k: v for k, v in _kinds(Fault).items() if k not in ("Fault", "Answers", "Spoils")}[kind](**given)
