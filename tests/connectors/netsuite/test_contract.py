"""Netsuite keeps the contract every connector keeps."""

from __future__ import annotations

from tests.connectors import contract as c
from tests.connectors.netsuite.stage import stage

test_netsuite = c.contract(stage)
