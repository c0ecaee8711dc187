"""Dynamics CRM: accounts as debtors, contacts with their positions, users and teams as account owners, choices as dimensions.

Both dialects arrive in the shape of the Web API. Sets that an installation declares are mapped column by column, as tables of files are.
"""

from mappings.dynamics_crm.normaliser import DynamicsCrmNormaliser, plugin
from mappings.dynamics_crm.settings import DynamicsCrmMapping

__all__ = ["DynamicsCrmMapping", "DynamicsCrmNormaliser", "plugin"]
