"""Everything that goes wrong with a real service, as small composable objects.

A fault acts on requests whose path and query match its pattern, at most `times` times, with a probability from a
seeded generator. Give several to `simulator.inject(...)`; each sees every request.
"""

import random
import re
from typing import TYPE_CHECKING, Any

from tests.simulators.business_central.errors import ODataError
from tests.simulators.business_central.http import ConnectionDropped, Request, Response

if TYPE_CHECKING:
    from tests.simulators.business_central.app import BusinessCentralSimulator

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


def odata(status: int, code: str, message: str, **headers: str) -> Response:
    """An error as OData tells it."""
    return Response(status, payload=ODataError(status, code, message).envelope(), headers=headers)


class Throttled(Answers):
    """429 every n requests; Retry-After only if given, as it is not promised on 429."""

    def __init__(self, retry_after: int | None = None, **when: Any) -> None:
        super().__init__(**when)
        self.retry_after = retry_after

    def answer(self) -> Response:
        response = odata(
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
        response = odata(self.status, code, message)
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
        return odata(
            self.status, "Application_DialogException", "The table is locked. Please try again later."
        )


class EditedMeanwhile(Answers):
    """The 409 of a draft that somebody saved while reading it wrote its discounts."""

    def answer(self) -> Response:
        return odata(409, "Request_EntityChanged", "Another user has already changed the record.")


class DataUpgradeNeeded(Answers):
    """The 400 that only the tenant's administrator can cure."""

    def answer(self) -> Response:
        return odata(400, "Application_DialogException", "You must run the data upgrade for this API page.")


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
        return odata(self.status, "Internal_ServerError", "Not now.")


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


class DeniesCompany(Fault):
    """The login cannot enter one company, though the list shows it."""

    def __init__(self, company: str, status: int = 403, **when: Any) -> None:
        super().__init__(**when)
        self.company, self.status = company, status

    def before(self, request: Request) -> Response | None:
        inside = re.search(rf"{re.escape(self.company)}['\)]*/\w", request.target) is not None
        if not inside or not self.strikes(request):
            return None
        return odata(
            self.status, "Internal_ServerError", f"You do not have access to the company {self.company}."
        )
