"""Visma e-conomic: every wire entity its connector delivers, as canonical drafts.

`masterdata` is the agreement, its code lists, customers and contacts; `documents` booked invoices, entries and what settled what.
"""

from __future__ import annotations

from mappings.economic import documents, masterdata
from mappings.economic.masterdata import EconomicMapping
from mappings.toolkit.normaliser import ShapePlugin
from mappings.toolkit.shapes import Shape


def shapes(settings: EconomicMapping) -> dict[str, Shape]:
    """The wire entities, and how each is read."""
    return masterdata.shapes(settings) | documents.SHAPES


plugin = ShapePlugin("economic", EconomicMapping, shapes)
