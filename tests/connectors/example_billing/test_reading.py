"""What is particular to Example Billing: lists that move while they are read, and a clock nobody should believe."""

from __future__ import annotations

import pytest

from connectors.example_billing import ExampleBilling
from sync_engine.errors import ConfigurationError, ProtocolViolation
from sync_engine.records import RecordBatch
from tests.connectors.example_billing.stage import ExampleStage, stage


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch) -> ExampleStage:
    """A small company."""
    return stage(monkeypatch)


def pulled(connector: ExampleBilling, entity: str) -> list[RecordBatch]:
    """A full sweep."""
    return list(connector.pull(entity, None))


def test_a_list_that_moves_while_it_is_read_completes_nothing(there: ExampleStage) -> None:
    """A row behind the one that vanished slips between two pages: it must not count as gone, nor the cursor pass it."""
    batches = there.open().pull("customers", None)
    seen = [next(batches)]
    del there.books.customers[min(there.books.customers)]
    seen += batches
    assert not any(batch.complete or batch.resume_from for batch in seen)
    assert pulled(there.open(), "customers")[-1].complete


def test_a_stamp_of_the_future_moves_no_cursor_past_now(there: ExampleStage) -> None:
    """What is changed until then would be passed over."""
    row = next(iter(there.books.customers.values()))
    row["changed_at"] = "2031-01-01T00:00:00Z"
    cursor = pulled(there.open(), "customers")[-1].resume_from
    entity, key = there.edit()
    assert key in [record.key for batch in there.open().pull(entity, cursor) for record in batch.records]


def test_a_balance_that_cannot_be_read_is_no_figure(
    there: ExampleStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A part of the balances would look like all of them."""
    monkeypatch.setattr(there.books, "balance", lambda customer: 1 if customer % 2 else "much")
    with pytest.raises(ProtocolViolation, match="a balance cannot be read"):
        there.open().totals("customers")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"base_url": "http://billing.example.com"}, "must be https"),
        ({"app_token": "the-token-itself"}, "the secret itself stands in the settings"),
        ({"app_tokens": "env:X"}, "Extra inputs"),
    ],
)
def test_wrong_settings_are_refused(there: ExampleStage, changes: dict[str, str], says: str) -> None:
    """With the key that is wrong."""
    with pytest.raises((ConfigurationError, ValueError), match=says):
        there.open(**changes)
