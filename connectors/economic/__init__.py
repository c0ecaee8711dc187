"""Visma e-conomic, through its REST API and its OpenAPI services.

`settings` is what an installation is told, `catalogue` what there is to read, `filters` and `reading` how lists are asked for, `ledger` and
`matching` the entries of customers and what settled what, `connector` the engine's port.
"""

from connectors.economic.connector import Plugin

plugin = Plugin()
