"""A simulated agreement."""

from __future__ import annotations

import pytest

from tests.connectors.economic.stage import EconomicStage, stage


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch) -> EconomicStage:
    """A small company."""
    return stage(monkeypatch)
