"""Answers that are spoiled though the service is well: rows, pages and links that are not what they should be."""

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from tests.simulators.business_central.http import Request, Response

if TYPE_CHECKING:
    from tests.simulators.business_central.app import BusinessCentralSimulator
    from tests.simulators.business_central.world import Company

from tests.simulators.business_central.faults import Fault, odata


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
        return odata(self.status, "Internal_RecordNotFound", self.message or text)


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
