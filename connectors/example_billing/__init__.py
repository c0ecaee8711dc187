"""Example Billing, an invented billing service with a JSON API: a small, whole connector to copy. See docs/write-a-connector.md.

`settings` is what an installation is told, `connector` how each list of the API is read.
"""

from connectors.example_billing.connector import ExampleBilling, Plugin
from connectors.example_billing.settings import Settings

plugin = Plugin()

__all__ = ["ExampleBilling", "Plugin", "Settings", "plugin"]
