"""Microsoft Dynamics CRM and Dataverse: one connector, two dialects behind it.

`settings` is what is configured, `tables` the sets and their columns; `web_api` speaks OData v4 with change tracking, `organization_data`
the service of 2011, whose rows `old_values` brings into the shape of the new one; `merged` knows which accounts live on in another;
`connector` stands behind the port.
"""

from connectors.dynamics_crm.connector import DynamicsCrm, Plugin
from connectors.dynamics_crm.settings import Settings

plugin = Plugin()

__all__ = ["DynamicsCrm", "Plugin", "Settings", "plugin"]
