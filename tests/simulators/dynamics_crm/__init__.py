"""A Dynamics CRM in memory: one state behind both of its services.

`state` is what the CRM knows, with the verbs people use; `web_api` answers as Dataverse does, `organization_data` as the service of 2011;
`server` is the door with its logins and faults.
"""

from tests.simulators.dynamics_crm.server import PASSWORD, SECRET, CrmTransport
from tests.simulators.dynamics_crm.state import Crm, Option, Ref, furnished

__all__ = ["PASSWORD", "SECRET", "Crm", "CrmTransport", "Option", "Ref", "furnished"]
