"""A simulated account."""

from __future__ import annotations

import pytest

from tests.connectors.netsuite.stage import NetSuiteStage, stage


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch) -> NetSuiteStage:
    """A small group of companies."""
    return stage(monkeypatch)
