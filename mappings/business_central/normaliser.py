"""Every wire entity of Business Central with its shape, and the plug-in that the entry point resolves to."""

from __future__ import annotations

from mappings.business_central import documents, ledger, masterdata, parties
from mappings.business_central.settings import BusinessCentralMapping
from mappings.toolkit.normaliser import ShapePlugin
from mappings.toolkit.shapes import Shape


def shapes(settings: BusinessCentralMapping) -> dict[str, Shape]:
    """The wire entities it can map."""
    return {
        **masterdata.SHAPES,
        **parties.shapes(settings),
        **documents.shapes(settings),
        **ledger.shapes(settings),
    }


plugin = ShapePlugin("business_central", BusinessCentralMapping, shapes)
