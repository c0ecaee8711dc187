"""Economic keeps the contract every connector keeps."""

from __future__ import annotations

from tests.connectors import contract as c
from tests.connectors.economic.stage import stage

test_economic = c.contract(stage)
