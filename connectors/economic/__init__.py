"""Visma e-conomic, through its REST API and its OpenAPI services, or through SOAP.

`settings` is what an installation is told, `catalogue` what there is to read, `filters` and `reading` how lists are asked for, `ledger`
the entries of customers and what settled what, `connector` the engine's port. `soap` and `soap_reading` are the connector and its
reading in the older dialect; `plugin` chooses.
"""

from connectors.economic.plugin import Plugin

plugin = Plugin()
