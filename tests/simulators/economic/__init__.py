"""Visma e-conomic: the books of one agreement, and how its interfaces answer over HTTP, in process.

`books` is what it knows and how people change it; `rest` and `openapi` are the two interfaces over it, `query` the filters of both,
`errors` every body an error may have, `server` the tokens, the budget of calls and the faults.
"""

from tests.simulators.economic.books import Books
from tests.simulators.economic.furniture import furnished
from tests.simulators.economic.server import APP_TOKEN, GRANT_TOKEN, EconomicTransport

__all__ = ["APP_TOKEN", "GRANT_TOKEN", "Books", "EconomicTransport", "furnished"]
