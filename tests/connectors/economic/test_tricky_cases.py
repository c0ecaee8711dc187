"""The cases that e-conomic is known for, each by name: what its answers look like, and what must not come of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from decimal import Decimal

import httpx
import pytest

from connectors.economic import filters
from sync_engine.errors import ProtocolViolation, SourceError, TransientError
from tests.connectors.economic.asked import aged, cursor_of, failing, lines_of, mapped, pulled, row
from tests.connectors.economic.stage import EconomicStage
from tests.simulators.economic import errors
from tests.simulators.economic.errors import Answered
from tests.simulators.economic.query import Field, compiled, value_at


@pytest.mark.parametrize("many", [0, 1, 3, 4, 6])
def test_the_last_page_names_no_next_one_and_an_empty_list_no_page_at_all(
    there: EconomicStage, many: int
) -> None:
    """Three rows a page: none, fewer, one full page, one more, two full ones."""
    there.books.layouts = {number: {"number": number, "name": f"Layout {number}"} for number in range(many)}
    batches = list(there.open().pull("layouts", None))
    assert [r.key for b in batches for r in b.records] == [f"layout/{number}" for number in range(many)]
    assert [b.complete for b in batches] == [False] * (len(batches) - 1) + [True]


def test_an_empty_list_may_be_left_out(there: EconomicStage) -> None:
    """Some answers without results have no `collection`."""
    there.transport.faults.append(
        failing("/layouts", lambda: Answered(200, {"pagination": {"results": 0, "skipPages": 0}}))
    )
    (batch,) = there.open().pull("layouts", None)
    assert (batch.records, batch.complete) == ([], True)


def test_tokens_go_to_no_other_host(there: EconomicStage) -> None:
    """A redirect is an error, and nobody asks where it leads."""
    there.transport.faults.append(
        failing("/customers", lambda: Answered(302, "", Location="https://evil.example.com/customers"))
    )
    with pytest.raises(ProtocolViolation, match="redirect"):
        pulled(there.open(), "customers")
    assert not any("evil" in asked for asked in there.transport.asked)


def test_lines_cost_no_call_for_each_invoice(there: EconomicStage) -> None:
    """They come of a service that lists the lines of all; every invoice has its own, and none those of another."""
    there.transport.openapi.most = 1000
    connector = there.open(page_size=1000)
    found = {key: row(record) for key, record in pulled(connector, "invoices").items()}
    assert connector.calls <= 5
    assert len(found) > 10
    for number, invoice in there.books.invoices.items():
        lines = found[str(number)]["@syncEngine.lines"]
        assert [line["totalNetAmount"] for line in lines] == [float(line["net"]) for line in invoice["lines"]]
        assert {line["documentId"] for line in lines} == {number}


def test_a_remainder_moves_without_a_mark(there: EconomicStage) -> None:
    """An invoice that was paid vanished from the open entries: it is looked up, and so is one that was only paid in part."""
    books, connector = there.books, there.open()
    aged(books)
    mark = cursor_of(connector, "entries")
    whole, part, *_ = (row for row in books.invoices.values() if books.remainder(row) == Decimal(500))
    books.pay(whole["customer"], "500", whole)
    books.pay(part["customer"], "100", part)
    found = {key: row(record) for key, record in pulled(connector, "entries", mark).items()}
    assert found[str(whole["entry"])]["remainder"] == 0
    assert found[str(part["entry"])]["remainder"] == 400


def test_what_was_settled_and_is_owed_again_is_seen(there: EconomicStage) -> None:
    """Matching that is undone leaves no mark on either entry, and neither was open at the reading before."""
    books, connector = there.books, there.open()
    invoice = books.invoice(102, "80")
    payment = books.pay(102, "100", invoice)
    aged(books)
    mark = cursor_of(connector, "entries")
    books.unmatch(payment["number"], invoice["entry"])
    found = {key: row(record) for key, record in pulled(connector, "entries", mark).items()}
    assert found[str(invoice["entry"])]["remainder"] == 100
    assert found[str(payment["number"])]["remainder"] == -100


def test_many_that_were_open_are_looked_up_in_parts(there: EconomicStage) -> None:
    """A list in a filter takes 200 values."""
    books, connector = there.books, there.open()
    invoices = [books.invoice(103, "8") for _ in range(450)]
    mark = cursor_of(connector, "entries")
    aged(books)
    books.pay(103, "4500", *invoices)
    found = {key: row(record) for key, record in pulled(connector, "entries", mark).items()}
    assert {found[str(invoice["entry"])]["remainder"] for invoice in invoices} == {0}


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (
            lambda: errors.rest(400, "Could not parse.", errors=["Filtering is not allowed on 'x'."]),
            "Filtering is not allowed",
        ),
        (errors.validation, "E04300.*PaymentTerms '4711' not found"),
        (errors.of_an_array, "Navn mangler"),
        (
            lambda: errors.problem(400, "Bad filter.", "BadFilterRequest", "Not by text."),
            "BadFilterRequest.*Not by text",
        ),
        (lambda: errors.web_page(400), "The gateway exploded"),
    ],
)
def test_every_error_body_is_told(there: EconomicStage, answer: Callable[[], Answered], says: str) -> None:
    """A list of sentences, an object, a list of objects, a problem, a web page."""
    there.transport.faults.append(failing("/customers", answer))
    with pytest.raises(SourceError, match=says):
        pulled(there.open(), "customers")


def test_a_gateway_that_explodes_is_asked_again(there: EconomicStage) -> None:
    """A web page with 502 passes; one that stays is a failure of this entity, and hammers nobody."""
    there.transport.faults.append(failing("/customers", errors.web_page, times=2))
    assert len(pulled(there.open(), "customers")) == len(there.books.customers)
    there.transport.faults.append(failing("/employees", errors.web_page))
    with pytest.raises(TransientError, match="The gateway exploded"):
        pulled(there.open(), "employees")
    assert sum("/employees" in asked for asked in there.transport.asked) <= 6


def test_who_is_not_said_to_be_barred_is_not(there: EconomicStage) -> None:
    """The flag comes only where it is true; who was barred and is not any more has no flag at all."""
    drafts = mapped("customers", list(pulled(there.open(), "customers").values()))
    assert {key for key, draft in drafts.items() if draft["status"] == "blocked"} == {"105"}
    there.books.touch(there.books.customers[105], barred=False)
    record = pulled(there.open(), "customers")["105"]
    assert "barred" not in row(record)
    assert mapped("customers", [record])["105"]["status"] == "active"


def test_a_rate_is_for_a_hundred_units(there: EconomicStage) -> None:
    """Base currency for one unit of the document's: a hundredth of what is said, and 1 in base currency."""
    drafts = mapped("invoices", list(pulled(there.open(), "invoices").values()))
    assert {draft["currency"]: draft["exchange_rate"] for draft in drafts.values()} == {
        "DKK": "1",
        "EUR": "7.451234",
    }


def test_a_credit_note_is_above_nought_here(there: EconomicStage) -> None:
    """On the wire it is below: header and lines are turned alike, its unit price is what it was."""
    (key,) = (str(number) for number, found in there.books.invoices.items() if found["net"] < 0)
    record = pulled(there.open(), "invoices")[key]
    draft = mapped("invoices", [record])[key]
    assert (row(record)["grossAmount"], draft["kind"]) == (-100, "credit_note")
    assert (draft["subtotal"], draft["tax"], draft["total"], draft["open_amount"]) == (
        "80",
        "20",
        "100",
        "100",
    )
    (line, *_) = lines_of(record)
    assert (line["quantity"], line["net"], line["tax"], line["unit_price"]) == ("1", "80", "20", "80")


def test_an_invoice_made_elsewhere_is_no_booked_one(there: EconomicStage) -> None:
    """A manual invoice may bear the number of a booked one. Money below nought was received, above it was paid back."""
    books, connector = there.books, there.open()
    booked = next(invoice for invoice in books.invoices.values() if invoice["customer"] == 102)
    manual = books.manual_invoice(102, "40", invoice=booked["number"])
    paid, back = books.pay(102, "10"), books.refund(102, "5")
    drafts = mapped("entries", list(pulled(connector, "entries").values()))
    kinds = [
        drafts[str(n)]["document_type"]
        for n in (booked["entry"], manual["number"], paid["number"], back["number"])
    ]
    assert kinds == ["invoice", "journal", "payment", "refund"]


def test_the_recipient_is_not_the_customer(there: EconomicStage) -> None:
    """Whom an invoice was sent to then stays with the invoice; the customer has its own name."""
    there.books.touch(there.books.customers[102], name="Et helt andet navn")
    connector = there.open()
    (invoice, *_) = [
        r for r in pulled(connector, "invoices").values() if row(r)["customer"]["customerNumber"] == 102
    ]
    draft = mapped("invoices", [invoice])[invoice.key]
    assert (draft["custom"], "name" in draft) == ({"recipient": "Brød & Smør ApS"}, False)
    assert mapped("customers", [pulled(connector, "customers")["102"]])["102"]["name"] == "Et helt andet navn"


def test_an_address_has_lines_however_they_end(there: EconomicStage) -> None:
    """A carriage return alone, a line feed, both."""
    there.books.touch(
        there.books.customers[101], address="Steen 3 ApS\rVirksomhedsvej 58\r\nBygning B\n\nPort 4"
    )
    draft = mapped("customers", [pulled(there.open(), "customers")["101"]])["101"]
    assert draft["address_line1"] == "Steen 3 ApS"
    assert draft["address_line2"] == "Virksomhedsvej 58, Bygning B, Port 4"


@pytest.mark.parametrize(
    "written",
    [
        "ap@example.dk faktura@example.dk",
        "ap@example.dk;faktura@example.dk",
        "ap@example.dk, faktura@example.dk",
    ],
)
def test_several_addresses_are_several(there: EconomicStage, written: str) -> None:
    """Blanks, semicolons and commas part them; the first is the e-mail."""
    there.books.touch(there.books.customers[101], email=written)
    draft = mapped("customers", [pulled(there.open(), "customers")["101"]])["101"]
    assert (draft["email"], draft["custom"]["emails"]) == ("ap@example.dk", ["faktura@example.dk"])


def test_a_product_number_is_any_text(there: EconomicStage) -> None:
    """Quotation marks and all."""
    record = pulled(there.open(), "invoices")["10001"]
    assert [line["item"] for line in lines_of(record)] == ['"334420410410"', "T-shirt"]


def test_a_contact_is_known_by_its_number_and_shown_by_another(there: EconomicStage) -> None:
    """The number that people see begins at one with every customer."""
    there.books.contact(102, "Den anden")
    found = pulled(there.open(), "contacts")
    drafts = mapped("contacts", list(found.values()))
    assert len(drafts) == len(there.books.contacts)
    assert sorted(draft["number"] for draft in drafts.values() if draft["debtor_key"] == "102") == ["1", "2"]


@pytest.mark.parametrize("name", ["Øl $ (Vin) [A/S]", "a$b", "[x]", "(y)", "100 $and: 200", "$[z$]"])
def test_a_filter_finds_the_name_that_it_means(name: str) -> None:
    """A dollar and a closing bracket are escaped; the others are not, though the documentation says so: that would find nothing."""
    test = compiled(filters.where("name", "eq", name), {"name": Field(value_at("name"))})
    assert test({"name": name})
    assert not test({"name": f"{name}!"})


def test_an_instant_goes_out_in_utc_with_a_z() -> None:
    """A plus in an address is a blank, and the services document no other zone."""
    noon = datetime(2026, 3, 2, 12, 0, 0, 999_999, tzinfo=timezone(timedelta(hours=1)))
    assert filters.where("lastUpdated", "gte", noon) == "lastUpdated$gte:2026-03-02T11:00:00Z"


def test_no_filter_is_sent_that_the_server_does_not_take(there: EconomicStage) -> None:
    """Some crash it. All that is sent while everything is read, again, and one debtor alone, is answered."""
    connector = there.open()
    answers = list[int]()
    original = there.transport.handle_request

    def noted(request: httpx.Request) -> httpx.Response:
        answer = original(request)
        answers.append(answer.status_code)
        return answer

    there.transport.handle_request = noted  # type: ignore[method-assign]
    for entity in connector.streams:
        mark = cursor_of(connector, entity)
        pulled(connector, entity, mark)
        connector.totals(entity)
    list(connector.pull_debtor("102"))
    assert set(answers) == {200}


def test_an_edit_in_the_second_of_the_cursor_is_seen(there: EconomicStage) -> None:
    """Stamps are of a second: what is written in the same one after it was read has the stamp that was seen."""
    for entity, table, key in (
        ("customers", there.books.customers, 102),
        ("contacts", there.books.contacts, 2),
    ):
        there.books.touch(table[key])
        mark = cursor_of(there.open(), entity)
        there.books.touch(table[key], name="I samme sekund")
        assert str(key) in pulled(there.open(), entity, mark)


def test_many_of_one_stamp_cross_a_page(there: EconomicStage) -> None:
    """Rows are walked by their number, whatever their stamps are."""
    mark = cursor_of(there.open(), "customers")
    there.books.time.sleep(86_400)
    for place, number in enumerate(sorted(there.books.customers, reverse=True)):
        there.books.time.sleep(60 if place == 4 else 0)
        there.books.touch(there.books.customers[number])
    assert pulled(there.open(), "customers", mark).keys() == set(map(str, there.books.customers))


def test_a_deleted_contact_says_so(there: EconomicStage) -> None:
    """Its row stays with a mark: a pull of changes tells that it is gone, a sweep leaves it out."""
    mark = cursor_of(there.open(), "contacts")
    there.books.touch(there.books.contacts[2], deleted=True)
    (batch,) = [b for b in there.open().pull("contacts", mark) if b.deleted]
    assert list(batch.deleted) == ["2"]
    assert "2" not in pulled(there.open(), "contacts")


def test_a_number_below_those_seen_is_noticed(there: EconomicStage) -> None:
    """Another series fills holes: the count of all invoices tells, and they are read again."""
    mark = cursor_of(there.open(), "invoices")
    there.books.invoice(102, "77", number=42)
    batches = list(there.open().pull("invoices", mark))
    assert "42" in {record.key for batch in batches for record in batch.records}
    assert not any(batch.complete for batch in batches)
    mark = [batch.resume_from for batch in batches][-1]
    connector = there.open()
    assert pulled(connector, "invoices", mark) == {}
    assert connector.calls == 3


def test_what_is_read_again_in_vain_is_little(there: EconomicStage) -> None:
    """Nothing new: the entries that are open, and two hundred numbers back."""
    aged(there.books)
    still_open = {str(entry["number"]) for entry in there.books.open_entries()}
    found = set(pulled(there.open(), "entries", cursor_of(there.open(), "entries")))
    assert still_open <= found
    assert all(int(number) > max(there.books.entries) - 200 for number in found - still_open)


def test_entries_are_read_whole_where_a_group_got_another_account(there: EconomicStage) -> None:
    """What was booked on the new account before was never looked at."""
    aged(there.books)
    mark = cursor_of(there.open(), "entries")
    there.books.groups[3]["account"] = 5620
    batches = list(there.open().pull("entries", mark))
    assert len({r.key for b in batches for r in b.records}) == there.open().count("entries")


def test_accounts_of_earlier_days_are_read_where_they_are_named(there: EconomicStage) -> None:
    """A group got another account: what was booked on its old one is still owed, and only the settings know of it."""
    was = {row(record)["accountNumber"] for record in pulled(there.open(), "entries").values()}
    there.books.groups[2]["account"] = 5620
    for named, accounts in (((), {5600}), ((5610,), was)):
        found = pulled(there.open(receivables_accounts=named), "entries").values()
        assert {row(record)["accountNumber"] for record in found} == accounts


def test_revenue_of_an_invoice_is_not_owed(there: EconomicStage) -> None:
    """It names the customer and the invoice as the entry on its account does."""
    connector = there.open()
    accounts = {row(record)["accountNumber"] for record in pulled(connector, "entries").values()}
    assert accounts == {5600, 5610}
