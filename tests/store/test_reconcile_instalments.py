"""Documents and instalments against each other: the same one twice, parts that are not their document, what was withheld."""

from __future__ import annotations

from uuid import uuid4

import pytest

from tests.store.book import Book, T, check


def test_the_same_document_twice_is_found(book: Book) -> None:
    """C12: same debtor, kind, number, date and amount; a credit note of the same number is another document."""
    book.ordinary()
    for kind in ("invoice", "invoice", "credit_note"):
        book.invoice(7, 7, number="4711", kind=kind)
    assert [(d.key, d.canonical_value) for d in check(book.certify(), "C12").sample] == [
        ("4711", "2 times: I5, I6")
    ]


def test_entries_of_one_ledger_are_no_duplicates_of_each_other(book: Book) -> None:
    """C12: two opening balances of 7 on one day, both posted as OPENING, are two debts; the ERP's own invoice beside them is a third."""
    book.ordinary()
    for _ in range(2):
        key = f"ledger/{uuid4()}"
        book.document(
            book.hansen, 7, 7, external_id=key, number="OPENING", kind="journal", issue_date=T, cut_id=1
        )
    assert check(book.certify(), "C12").verdict == "holds"


def test_instalments_that_are_not_their_document_are_found(book: Book) -> None:
    """C12: an invoice of 100 whose instalments say 300 are open is there more than once."""
    book.ordinary()
    book.rows("UPDATE canonical.instalment SET open_amount = 300 WHERE external_id = 'I1/1' RETURNING 1")
    broken = check(book.certify(), "C12")
    assert {(d.what, d.key, d.source_value, d.canonical_value) for d in broken.sample} == {
        ("instalments", "I1", "100.00", "300.00")
    }


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        (
            """
            INSERT INTO canonical.instalment (id, source, external_id, document_id, number, due_date, amount, open_amount, cut_id)
            SELECT gen_random_uuid(), source, 'I1/2', document_id, 2, due_date, amount, open_amount, cut_id
            FROM canonical.instalment WHERE external_id = 'I1/1' RETURNING 1
            """,
            "200.00",
        ),
        ("UPDATE canonical.instalment SET open_amount = 0 WHERE external_id = 'I1/1' RETURNING 1", "0.00"),
        ("DELETE FROM canonical.instalment WHERE external_id = 'I1/1' RETURNING 1", "0.00"),
    ],
    ids=["there twice", "paid, though the document is open", "none at all"],
)
def test_each_instalment_alone_may_look_right(book: Book, change: str, parts: str) -> None:
    """C12: amounts are added up as soon as not every open document has one open instalment of the same amount."""
    book.ordinary()
    book.rows(change)
    broken = check(book.certify(), "C12")
    assert [(d.key, d.source_value, d.canonical_value) for d in broken.sample] == [("I1", "100.00", parts)]


def test_what_the_ledger_never_asked_for_is_named(book: Book) -> None:
    """C6: 1100 with 20 withheld and 80 paid adds up, and the certificate says how much was withheld."""
    invoice = book.invoice(1100, 1000, ledger_difference=20)
    book.settle(book.money(80, 0), invoice, 80)
    found = check(book.certify(), "C6")
    assert (found.verdict, found.figures["ledger_difference"]) == (
        "holds",
        {"documents": 1, "amounts": "EUR 20.00"},
    )
    assert "another amount" in found.note


@pytest.mark.parametrize(
    ("difference", "classes"),
    [(20, {}), (-1, {}), (-20, {"unexplained": 1}), (2000, {"unexplained": 1})],
    ids=["withheld", "rounded up", "asked for more", "the other way round"],
)
def test_only_less_is_withheld(book: Book, difference: int, classes: dict[str, int]) -> None:
    """C6: tax withheld and discounts make the ledger ask for less, which is told (C13); what asks for more or the other way round is not explained."""
    book.ordinary()
    owed = 1000 - difference
    book.invoice(1000, owed, ledger_difference=difference)
    book.settle(book.money(5, 0), book.invoice(5, 0), 5)
    certificate = book.certify()
    found = check(certificate, "C6")
    assert dict(found.classes) == classes
    assert [(d.source_value, d.canonical_value) for d in found.sample] == (
        [(f"{owed}.00", "1000.00")] if classes else []
    )
    assert any("the ledger asks for less" in note for note in certificate.notes) is not bool(classes)
