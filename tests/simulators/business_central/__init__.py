"""Business Central, simulated: a stateful program that speaks its OAuth, OData and error wire, quirks included.

In process: `httpx.Client(transport=SimulatorTransport(simulator))`, or any WSGI client; over the network:
`serve(simulator)`; as a program: `python -m tests.simulators.business_central`. The world behind it is changed by
business actions (post an invoice, pay a part of it, rename a dimension value) and keeps its own totals, which are the
truth tests compare with. `tricky_cases.TRICKY_CASES` says how each known trap is provoked.
"""

from tests.simulators.business_central.app import BusinessCentralSimulator
from tests.simulators.business_central.clock import SimulatorClock
from tests.simulators.business_central.late_payments import find_histories, from_late_payment_histories
from tests.simulators.business_central.seeds import generate
from tests.simulators.business_central.server import ServerHandle, serve
from tests.simulators.business_central.settings import ClientSettings, settings
from tests.simulators.business_central.transport import SimulatorTransport
from tests.simulators.business_central.world import Company, Installation, Totals, World

__all__ = [
    "BusinessCentralSimulator",
    "ClientSettings",
    "Company",
    "Installation",
    "ServerHandle",
    "SimulatorClock",
    "SimulatorTransport",
    "Totals",
    "World",
    "find_histories",
    "from_late_payment_histories",
    "generate",
    "serve",
    "settings",
]
