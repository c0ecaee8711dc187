"""The normaliser of one Business Central source, and the plug-in that the entry point resolves to."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from mappings.business_central import documents, ledger, masterdata, parties
from mappings.business_central.settings import BusinessCentralMapping
from mappings.toolkit.normaliser import ShapeNormaliser
from mappings.toolkit.version import mapping_version


class BusinessCentralNormaliser(ShapeNormaliser):
    """Raw records of every wire entity -> drafts."""

    def __init__(self, source: str, settings: BusinessCentralMapping) -> None:
        shapes = {
            **masterdata.SHAPES,
            **parties.shapes(settings),
            **documents.shapes(settings),
            **ledger.shapes(settings),
        }
        super().__init__(source, mapping_version("business_central", settings), shapes)


class BusinessCentralPlugin:
    """Builds normalisers; its name among the entry points is `business_central`."""

    settings: type[BaseModel] = BusinessCentralMapping

    def normaliser(self, source: str, settings: Any) -> BusinessCentralNormaliser:
        """The normaliser of one source; `settings` is an instance of `self.settings`."""
        return BusinessCentralNormaliser(source, settings)


plugin = BusinessCentralPlugin()
