"""Example Billing, an invented billing service with a small JSON API: what it knows, and how it answers over HTTP.

`books` is what the service knows and how people change it; `server` answers requests as its API does, in process.
"""

from tests.simulators.example_billing.books import Books, furnished
from tests.simulators.example_billing.server import APP_TOKEN, CUSTOMER_TOKEN, ExampleBillingTransport

__all__ = ["APP_TOKEN", "CUSTOMER_TOKEN", "Books", "ExampleBillingTransport", "furnished"]
