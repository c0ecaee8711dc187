"""The normaliser of a CRM: its usual sets by shapes, the declared ones by columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel

from mappings.dynamics_crm.parties import shapes
from mappings.dynamics_crm.settings import DynamicsCrmMapping
from mappings.toolkit.columns import ColumnsNormaliser
from mappings.toolkit.normaliser import ShapeNormaliser
from mappings.toolkit.version import mapping_version
from sync_engine.ports import Normalised

PACKAGE = "dynamics_crm"


class DynamicsCrmNormaliser(ShapeNormaliser):
    """Raw records of a CRM -> drafts."""

    def __init__(self, source: str, settings: DynamicsCrmMapping) -> None:
        super().__init__(source, mapping_version(PACKAGE, settings), shapes(settings))
        self._declared = (
            None
            if settings.declared is None
            else ColumnsNormaliser(source, settings.declared, package=PACKAGE, rows_of="the set")
        )

    def normalise(self, entity: str, records: Sequence[tuple[str, bytes]]) -> Normalised:
        """Maps (key, payload) pairs of one wire entity; raises ConfigurationError for an entity it does not know."""
        if entity not in self.entities and self._declared is not None:
            return self._declared.normalise(entity, records)
        return super().normalise(entity, records)

    def reads(self, entity: str) -> frozenset[str]:
        """The fields on the wire that the mapping reads; nothing is told of declared sets."""
        return super().reads(entity) if entity in self.entities else frozenset()


class Plugin:
    """Builds normalisers; its name among the entry points is `dynamics_crm`."""

    settings: type[BaseModel] = DynamicsCrmMapping

    def normaliser(self, source: str, settings: Any) -> DynamicsCrmNormaliser:
        """The normaliser of one source; `settings` is an instance of `self.settings`."""
        return DynamicsCrmNormaliser(source, settings)


plugin = Plugin()
