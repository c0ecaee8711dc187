"""Customers and contacts of Business Central are changed with the etag that was read, once, and with its words where it refuses."""

from __future__ import annotations

from decimal import Decimal

import pytest

from connectors.business_central import BusinessCentral
from sync_engine.errors import RateLimited
from sync_engine.records import Change, Receipt
from tests.connectors.support import Bench, bench
from tests.simulators.business_central.faults import DropsConnection, Throttled
from tests.simulators.business_central.records import Customer


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch) -> Bench:
    """A small company."""
    return bench(monkeypatch)


def first(there: Bench) -> Customer:
    """One of its customers."""
    return next(iter(there.company.customers.values()))


def push(
    connector: BusinessCentral, key: str, entity: str = "customers", etag: str | None = None, **fields: object
) -> Receipt:
    """A write to the etag that is there, or to another one."""
    found = connector.current(entity, key)
    assert found is not None
    return connector.push(Change(entity, key, fields, found.version if etag is None else etag, "k"))


def test_a_customer_is_changed_and_its_etag_moves_on(there: Bench) -> None:
    """Only the named fields; the next reading has them under another version."""
    connector, row = there.open(), first(there)
    before = connector.current("customers", row.id)
    assert push(connector, row.id, displayName="HANSEN & SØN", creditLimit=Decimal("1234.50")) == Receipt(
        "delivered"
    )
    after = connector.current("customers", row.id)
    assert before is not None
    assert after is not None
    assert before.version != after.version
    assert (row.name, row.credit_limit) == ("HANSEN & SØN", Decimal("1234.50"))
    assert b"HANSEN" in after.record.payload


def test_a_contact_is_changed(there: Bench) -> None:
    """The same for contacts."""
    connector, row = there.open(), next(iter(there.company.contacts.values()))
    assert push(connector, row.id, "contacts", mobilePhoneNumber="+45 1") == Receipt("delivered")
    assert row.mobile == "+45 1"


def test_a_stale_etag_is_a_conflict(there: Bench) -> None:
    """409 Request_EntityChanged, though the book says 412; nothing was changed."""
    connector, row = there.open(), first(there)
    stale = connector.current("customers", row.id)
    assert stale is not None
    there.company.touch(row)
    assert push(connector, row.id, etag=stale.version, displayName="X").outcome == "conflict"
    assert row.name != "X"


def test_a_refusal_has_its_words(there: Bench) -> None:
    """A name of more than a hundred characters."""
    refused = push(there.open(), first(there).id, displayName="X" * 101)
    assert (refused.outcome, "must be less than or equal to" in refused.words) == ("refused", True)


def test_a_broken_line_is_asked_for_once(there: Bench) -> None:
    """Nobody knows whether it was taken, so it is not sent again here."""
    connector, row = there.open(), first(there)
    found = connector.current("customers", row.id)
    assert found is not None
    fault = DropsConnection(times=1)
    there.simulator.inject(fault)
    assert (
        connector.push(Change("customers", row.id, {"displayName": "X"}, found.version, "k")).outcome
        == "unknown"
    )
    assert (fault.struck, row.name) == (1, "X")


def test_too_many_requests_are_told_as_such(there: Bench) -> None:
    """Nothing was taken, and the rest waits."""
    connector, row = there.open(), first(there)
    found = connector.current("customers", row.id)
    assert found is not None
    there.simulator.inject(Throttled(5, times=1))
    with pytest.raises(RateLimited):
        connector.push(Change("customers", row.id, {"displayName": "X"}, found.version, "k"))
    assert row.name != "X"


def test_the_number_cannot_be_written(there: Bench) -> None:
    """To write it renames the customer in every ledger."""
    connector = there.open()
    assert "number" not in connector.writable("customers")
    assert connector.writable("salesInvoices") == frozenset()


def test_the_request_is_told_as_it_would_be_sent(there: Bench) -> None:
    """Method, address, etag and fields, for a person."""
    connector, row = there.open(), first(there)
    told = connector.request(Change("customers", row.id, {"creditLimit": Decimal("1.50")}, 'W/"1"', "k"))
    assert (told.what, told.where.endswith(f"customers({row.id})"), dict(told.fields)) == (
        "PATCH",
        True,
        {"creditLimit": "1.50"},
    )
    assert told.conditions == {"If-Match": 'W/"1"'}
