"""A whole source run over the simulator: first run, changes that leave no trace, deletes, and balances that tie."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.connectors.netsuite.account import InTheStore, in_the_store, verdicts
from tests.connectors.netsuite.stage import stage
from tests.simulators.netsuite.verbs import delete, void


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch, database: str, tmp_path: Path) -> Iterator[InTheStore]:
    """The source over furnished books, with a database of its own."""
    with in_the_store(
        stage(monkeypatch), database, tmp_path / "lake", portfolio={"dimension": "custentity_region"}
    ) as found:
        yield found


def test_first_run_change_second_run_delete(account: InTheStore) -> None:
    """What the books say is what canonical says, and the balances that NetSuite states tie, at every step."""
    books = account.stage.books
    first = account.run()
    assert (first.outcome, first.failures) == ("succeeded", {})
    assert account.open_documents() == account.true_open_documents()
    assert first.certificate is not None
    assert first.certificate.grade == "A", (first.certificate.sentence, verdicts(first))

    customer = account.stage.customers[0]
    invoice = books.invoice(customer, "80")
    payment = books.pay(customer, "100", {invoice: "25"})
    second = account.run()
    assert account.open_documents() == account.true_open_documents()
    assert account.unapplied()[str(payment)] == 75
    assert verdicts(second)["C5"] == "holds"

    books.unapply(payment, invoice)
    void(books, invoice)
    third = account.run()
    assert account.open_documents() == account.true_open_documents()
    assert account.unapplied()[str(payment)] == 100
    assert third.certificate is not None
    assert third.certificate.grade == "A", (third.certificate.sentence, verdicts(third))

    delete(books, "transaction", payment)
    fourth = account.run()
    assert str(payment) not in account.unapplied()
    assert fourth.certificate is not None
    assert fourth.certificate.grade == "A", (fourth.certificate.sentence, verdicts(fourth))
