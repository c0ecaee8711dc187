"""The same books behind SOAP. Every request and every answer is held against the vendor's WSDL, which is beside the checkout or nowhere."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from connectors.economic.soap import SoapEconomic
from tests.connectors.economic.stage import EconomicStage
from tests.connectors.economic.stage import stage as rest_stage
from tests.connectors.economic.test_schemas import WIRE
from tests.simulators.economic import APP_TOKEN, GRANT_TOKEN
from tests.simulators.economic.soap import PASSWORD

WSDL = WIRE / "soap" / "economic.wsdl"
DIALECT: dict[str, Any] = {"dialect": "soap", "soap": {"wsdl": str(WSDL)}}


@cache
def schema() -> etree.XMLSchema:
    """The types of the WSDL."""
    types = etree.parse(WSDL).find(".//{http://www.w3.org/2001/XMLSchema}schema")
    return etree.XMLSchema(etree.fromstring(etree.tostring(types)))


@dataclass
class SoapStage(EconomicStage):
    """An agreement to play on through SOAP."""

    secrets: tuple[str, ...] = (APP_TOKEN, GRANT_TOKEN, PASSWORD)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.soap = self.transport.soap
        self.soap.schema = schema()

    def open(self, **changes: Any) -> SoapEconomic:
        found = super().open(**(DIALECT | changes))
        assert isinstance(found, SoapEconomic)
        return found

    def refuse(self) -> None:
        super().refuse()
        self.soap.sessions.clear()


def stage(monkeypatch: pytest.MonkeyPatch) -> SoapStage:
    """A small company, with what each login needs in the environment."""
    if not Path(WSDL).exists():
        pytest.skip("optional data: the vendor's WSDL is not beside the checkout")
    rest_stage(monkeypatch)
    monkeypatch.setenv("ECONOMIC_PASSWORD", PASSWORD)
    return SoapStage()
