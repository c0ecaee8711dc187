"""What holds on every database, played on those a test can have without a server of its own."""

from __future__ import annotations

import pytest

from tests.connectors.sql.rules import RULES, Rule


@pytest.mark.parametrize("database", ["pg", "sqlite", "duck"])
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_rule(rule: Rule, database: str, request: pytest.FixtureRequest) -> None:
    """The rule holds."""
    rule(request.getfixturevalue(database))
