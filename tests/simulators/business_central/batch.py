"""$batch: several requests in one, with the trap of the snapshot isolation.

With `Isolation: snapshot` a failed request undoes all of them, although the answers before it keep saying 201 with
real ids (use-odata-batch.md; reproduced live by others).
"""

import copy
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import msgspec

from tests.simulators.business_central.errors import ODataError
from tests.simulators.business_central.http import Request, Response
from tests.simulators.business_central.world import World

MOST = 100


def answer_batch(
    world: World, request: Request, root: str, handle: Callable[[Request], Response]
) -> Response:
    """Run the requests of a batch in order; `root` is the URL that relative URLs start from."""
    requests = request.json().get("requests", [])
    if len(requests) > MOST:
        raise ODataError(
            500, "Internal_ServerError", f"The maximum number of '{MOST}' query operations was exceeded."
        )
    snapshot = request.header("isolation").lower() == "snapshot"
    before = copy.deepcopy(world.companies, {id(world.stamper): world.stamper}) if snapshot else {}
    answers: list[Any] = []
    for one in requests:
        answer = handle(_inner(one, request, root))
        body = msgspec.json.decode(answer.encoded()) if answer.encoded() else None
        answers.append({"id": one.get("id"), "status": answer.status, "headers": {}, "body": body})
        if answer.status >= 400 and snapshot:
            world.companies = before
            break
    return Response(payload={"responses": answers})


def _inner(one: dict[str, Any], outer: Request, root: str) -> Request:
    url = str(one["url"])
    parts = urlsplit(url if url.startswith("http") else f"{root}/{url.lstrip('/')}")
    headers = {
        **{k: v for k, v in outer.headers.items() if k != "isolation"},
        **{k.lower(): str(v) for k, v in one.get("headers", {}).items()},
    }
    query = parts.query
    if "company" in headers:
        query = f"{query}&company={headers['company']}".lstrip("&")
    body = msgspec.json.encode(one["body"]) if "body" in one else b""
    return Request(str(one["method"]).upper(), parts.path, query, headers, body, outer.scheme, outer.host)
