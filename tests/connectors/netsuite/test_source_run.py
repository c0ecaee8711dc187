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


def test_records_link_to_their_pages(monkeypatch: pytest.MonkeyPatch, database: str, tmp_path: Path) -> None:
    """By the internal id; a customer's page is that of all entities, a payment's that of its type."""
    there = stage(monkeypatch)
    address = "https://tstdrv12345-sb1.app.netsuite.com/"
    with in_the_store(there, database, tmp_path / "lake", mapping={"web_address": address}) as account:
        account.run()
        links = "canonical.debtor t JOIN canonical.link l ON l.canonical_id = t.id"
        tables = (
            (links, "l.external_id"),
            ("canonical.document", "external_id"),
            ("canonical.payment", "external_id"),
        )
        found = [
            (link, key.partition("|")[0])
            for table, name in tables
            for link, key in account.rows(f"SELECT source_url, {name} FROM {table}")
        ]
    assert all(link.endswith(f".nl?id={key}") for link, key in found)
    transactions = {
        f"app/accounting/transactions/{page}"
        for page in ("custinvc", "custcred", "custpymt", "custdep", "custrfnd", "journal")
    }
    pages = {link.removeprefix(address).partition(".nl")[0] for link, _ in found}
    assert pages == {"app/common/entity/custjob"} | transactions
