"""Mappings that say something else than the shipped ones: more lenient, louder, newer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sync_engine.ports import Normalised, Normaliser


@dataclass
class Lenient:
    """The mapping of an installation, with one wrong value read as another; the same version, as a hand-edited rule would not be."""

    inner: Normaliser
    field: str
    value: str
    version: str = ""

    def __post_init__(self) -> None:
        self.version = self.inner.version

    def normalise(self, entity: str, records: Sequence[tuple[str, bytes]]) -> Normalised:
        mended = [(key, payload.replace(b'"lots"', self.value.encode())) for key, payload in records]
        return self.inner.normalise(entity, mended)


@dataclass
class Shouting:
    """Another version of the mapping: names in capitals, references with a prefix."""

    inner: Normaliser
    version: str = "shouting"

    def normalise(self, entity: str, records: Sequence[tuple[str, bytes]]) -> Normalised:
        outcome = self.inner.normalise(entity, records)
        for draft in outcome.drafts:
            values: dict[str, Any] = draft.values
            if entity == "customers":
                values["name"] = str(values["name"]).upper()
            if entity == "salesInvoices":
                values["reference"] = f"R-{values['number']}"
        return outcome


@dataclass
class Newer:
    """Another version of the mapping that says the same."""

    inner: Normaliser
    version: str = "newer"

    def normalise(self, entity: str, records: Sequence[tuple[str, bytes]]) -> Normalised:
        return self.inner.normalise(entity, records)
