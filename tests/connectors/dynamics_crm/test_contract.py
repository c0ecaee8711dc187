"""The connector keeps the contract every connector keeps, through both services of a CRM."""

from __future__ import annotations

from tests.connectors import contract as c
from tests.connectors.dynamics_crm.stage import stage

test_web_api = c.contract(stage("web_api"))
test_organization_data = c.contract(stage("organization_data"))
