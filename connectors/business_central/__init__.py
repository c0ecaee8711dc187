"""Microsoft Dynamics 365 Business Central, online and on premises: API v2.0, published pages, and the customer ledger by five routes.

`catalogue` is the table of what is read, `site` what an installation turned out to offer, `reading` how plain sets and
documents are read, `ledger`, `contacts`, `dimensions` the ones with a trap, `control` the figures to compare with.
"""

from connectors.business_central.connector import BusinessCentral, Plugin
from connectors.business_central.settings import Settings

plugin = Plugin()

__all__ = ["BusinessCentral", "Plugin", "Settings", "plugin"]
