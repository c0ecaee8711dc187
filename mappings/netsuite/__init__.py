"""NetSuite: every wire entity of its connector as canonical drafts.

`parties` are companies, customers, contacts and what they are grouped by, `receivables` documents, payments and what settled what,
`settings` what an installation may declare.
"""

from __future__ import annotations

from mappings.netsuite.parties import shapes as parties
from mappings.netsuite.receivables import shapes as receivables
from mappings.netsuite.settings import NetSuiteMapping
from mappings.toolkit.normaliser import ShapePlugin
from mappings.toolkit.shapes import Shape


def shapes(settings: NetSuiteMapping) -> dict[str, Shape]:
    """The wire entities, and how each is read."""
    return {**parties(settings), **receivables(settings)}


plugin = ShapePlugin("netsuite", NetSuiteMapping, shapes)
