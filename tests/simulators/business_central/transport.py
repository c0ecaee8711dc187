"""An httpx transport into a simulator: like WSGITransport, but a dropped connection is an error of httpx, as on a network."""

import httpx

from tests.simulators.business_central.app import BusinessCentralSimulator
from tests.simulators.business_central.http import ConnectionDropped, Request


class SimulatorTransport(httpx.BaseTransport):
    """`httpx.Client(transport=SimulatorTransport(simulator))`; any host name will do."""

    def __init__(self, simulator: BusinessCentralSimulator) -> None:
        self.simulator = simulator

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Raises httpx.ReadError when a fault hangs up, RemoteProtocolError when it does so in the middle of a body."""
        asked = Request(
            request.method,
            request.url.path,
            request.url.query.decode("ascii"),
            {name.lower(): value for name, value in request.headers.items()},
            request.read(),
            request.url.scheme,
            request.url.netloc.decode("ascii"),
        )
        try:
            status, headers, body = self.simulator.handle(asked).finished()
        except ConnectionDropped as dropped:
            if dropped.sent:
                raise httpx.RemoteProtocolError(
                    "peer closed connection without sending complete message body", request=request
                ) from dropped
            raise httpx.ReadError("connection reset by peer", request=request) from dropped
        return httpx.Response(int(status[:3]), headers=headers, content=body, request=request)
