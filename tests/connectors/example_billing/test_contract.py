"""Example Billing keeps the contract every connector keeps."""

from __future__ import annotations

from tests.connectors import contract as c
from tests.connectors.example_billing.stage import stage

test_example_billing = c.contract(stage)
