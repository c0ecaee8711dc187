"""The tricky cases of NetSuite, by what would go wrong; those that only SOAP or writing has are left out."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from connectors.netsuite.zone import SessionZone
from mappings.netsuite import plugin as mapping
from sync_engine.errors import SourceError
from tests.connectors.netsuite.asked import batches, cursor, drafts, pulled
from tests.connectors.netsuite.stage import NetSuiteStage
from tests.simulators.netsuite import verbs

# --- what an account has not


def test_an_account_of_one_company_has_no_subsidiaries(there: NetSuiteStage) -> None:
    """`Record 'subsidiary' was not found`: the account itself is the company, in its base currency (14)."""
    there.books.session.off = {"oneworld"}
    connector = there.open()
    (company,) = pulled(connector, "company").values()
    assert (company["name"], company["currency"]) == ("TSTDRV12345_SB1", "USD")
    assert "subsidiary" not in pulled(connector, "dimensions")
    row = pulled(connector, "documents")[str(there.books.one('SELECT MIN("id") FROM "transaction"'))]
    assert row["exchangerate"] == "1"


def test_rows_that_a_role_does_not_see_any_more_are_not_deleted(there: NetSuiteStage) -> None:
    """They vanish as deleted ones do, but nobody deleted them; when they show again, they are read although their stamps are old (16)."""
    connector = there.open()
    since = cursor(connector, "customers")
    hidden = there.customers[0]
    there.books.time.sleep(7200)
    there.books.session.hidden = {"customer": f'"id" = {hidden}'}
    there.books.edit("customer", hidden, altname="Renamed while nobody saw it")
    there.books.time.sleep(7200)
    there.books.edit("customer", there.customers[1], altname="Seen")
    blind = there.open()
    told = batches(blind, "customers", since)
    assert not any(batch.deleted or batch.complete for batch in told)
    assert "1 records are not shown to this role any more" in blind.oddities["customers"]
    there.books.time.sleep(48 * 3600)
    there.books.session.hidden = {}
    found = pulled(there.open(), "customers", told[-1].resume_from)
    assert found[str(hidden)]["altname"] == "Renamed while nobody saw it"


def test_doctor_names_what_a_role_does_not_see(there: NetSuiteStage) -> None:
    """Links name both their documents: who is named and not shown is hidden, and by which permission (16)."""
    there.books.session.hidden = {"transaction": "\"type\" = 'CustPymt'"}
    there.books.session.forbidden = {"employee"}
    found = {one.name: one for one in there.open().probe().capabilities if not one.available}
    assert "Transactions > Customer Payment" in found["visible CustPymt"].detail
    assert "Lists > Employees" in found["employee"].detail
    there.books.session.hidden = {"customer": f'"id" = {there.customers[1]}'}
    found = {one.name: one for one in there.open().probe().capabilities if not one.available}
    assert "Lists > Customers" in found["visible customer"].detail


# --- what multiplies, what has a sign


def test_subsidiaries_and_accounting_books_multiply_no_rows(there: NetSuiteStage) -> None:
    """A customer of two subsidiaries is one, and a journal line in two books is one (17)."""
    there.books.add("accountingbook", id=2, name="Local", isprimary="F")
    there.books.db.execute(
        'INSERT INTO "transactionaccountingline" SELECT "transaction", "transactionline", 2, "account", "amount", NULL, NULL '
        'FROM "transactionaccountingline"'
    )
    connector = there.open(page_size=1000)
    for entity in ("customers", "journal_debits", "journal_credits"):
        keys = [record.key for batch in batches(connector, entity) for record in batch.records]
        assert len(keys) == len(set(keys)) == connector.count(entity)


def test_lines_of_sales_lose_their_sign_and_double_no_total(there: NetSuiteStage) -> None:
    """Revenue is booked negative, tax stands in lines of its own, the cost of goods is nobody's business (27)."""
    invoice = there.books.invoice(there.customers[0], "100", "20.50", tax="12.05", subsidiary=2)
    rows = pulled(there.open(), "documents")
    row = {str(invoice): rows[str(invoice)]}
    told = mapping.normaliser("netsuite", mapping.settings()).normalise(
        "documents", [(str(invoice), json.dumps(row[str(invoice)]).encode())]
    )
    (draft,) = told.drafts
    assert (draft.values["subtotal"], draft.values["tax"], draft.values["total"]) == (
        "120.50",
        "12.05",
        "132.55",
    )
    assert [line["net"] for line in draft.lines] == ["100", "20.5"]


def test_a_status_in_another_language_means_nothing(there: NetSuiteStage) -> None:
    """Letters differ by type and words by language: what is open says whether it is paid (28)."""
    invoice = there.books.invoice(there.customers[0], "100", subsidiary=2)
    there.books.edit("transaction", invoice, status="Payé intégralement")
    assert drafts("documents", pulled(there.open(), "documents"))[str(invoice)]["erp_status"] == "open"


def test_a_symbol_that_is_no_iso_code_is_declared_or_refused(there: NetSuiteStage) -> None:
    """CAN is the dollar of Canada unless somebody says otherwise; `US Dollar` is nobody's; the yen has no cents (26)."""
    books, customer = there.books, there.customers[0]
    canadian = books.invoice(customer, "10", subsidiary=2, currency="CAN", exchangerate="0.7")
    typed = books.invoice(customer, "10", subsidiary=2, currency="US Dollar")
    books.currency("JPY", precision=0)
    yen = books.invoice(customer, "1000", subsidiary=2, currency="JPY", exchangerate="0.007")
    rows = pulled(there.open(), "documents")
    found = drafts("documents", rows)
    assert found[str(canadian)]["currency"] == "CAD"
    assert (found[str(yen)]["currency"], found[str(yen)]["total"]) == ("JPY", "1000")
    assert str(typed) not in found
    declared = pulled(there.open(currencies={"US Dollar": "USD"}), "documents")
    assert drafts("documents", declared)[str(typed)]["currency"] == "USD"


# --- what settled what


def test_an_application_is_as_large_as_its_link(there: NetSuiteStage) -> None:
    """Not as large as the payment; applied twice it is one, un-applied it is none although nothing was stamped (18)."""
    books, customer = there.books, there.customers[0]
    one, other = (books.invoice(customer, "100", subsidiary=2) for _ in range(2))
    payment = books.pay(customer, "150", {one: "60"}, subsidiary=2)
    connector = there.open()
    key = f"{one}|0|{payment}|0"
    assert pulled(connector, "applications")[key]["amount"] == "60"
    books.apply(payment, {one: "10", other: "50"})
    since = cursor(there.open(), "applications")
    assert pulled(there.open(), "applications")[key]["amount"] == "70"
    books.time.sleep(30 * 3600)
    books.unapply(payment, one)
    told = batches(there.open(), "applications", since)
    assert str(one) in {parent for batch in told for parent in batch.whole}
    assert key not in {record.key for batch in told for record in batch.records}


def test_a_parent_pays_for_its_child(there: NetSuiteStage) -> None:
    """The payment's customer is not the invoice's, and the application joins them (18)."""
    books = there.books
    parent = there.customers[0]
    child = books.customer("Child Ltd", parent=parent, subsidiaries=[2])
    invoice = books.invoice(child, "100", subsidiary=2)
    payment = books.pay(parent, "100", {invoice: "100"}, subsidiary=2)
    found = drafts("applications", pulled(there.open(), "applications"))[f"{invoice}|0|{payment}|0"]
    assert (found["document_key"], found["payment_key"]) == (str(invoice), str(payment))


def test_links_of_nought_and_of_voids_do_not_count(there: NetSuiteStage) -> None:
    """A void may be a journal that is linked to what it voids: neither is owed, nor settles anything (18)."""
    books, customer = there.books, there.customers[0]
    voided, invoice = (books.invoice(customer, "100", subsidiary=2) for _ in range(2))
    payment = books.pay(customer, "30", subsidiary=2)
    books.link(invoice, payment, "0")
    journal = verbs.void_by_journal(books, voided)
    connector = there.open()
    ends = {row["debt"] for row in pulled(connector, "applications").values()}
    assert {str(voided), str(invoice)} & ends == set()
    lines = pulled(connector, "journal_credits")
    assert f"{journal}|0" in lines
    assert f"{journal}|0" not in drafts("journal_credits", lines)
    assert drafts("documents", pulled(connector, "documents"))[str(voided)]["open_amount"] == "0"


def test_a_document_may_be_on_either_side_of_a_link(there: NetSuiteStage) -> None:
    """A refund stands behind the credit that it pays out, an invoice before what settles it (18)."""
    rows = pulled(there.open(), "applications")
    refund = there.books.one("""SELECT "id" FROM "transaction" WHERE "type" = 'CustRfnd'""")
    memo = there.books.one("""SELECT "id" FROM "transaction" WHERE "type" = 'CustCred'""")
    found = drafts("applications", rows)[f"{refund}|0|{memo}|0"]
    assert (found["refund_key"], found["credit_note_key"]) == (str(refund), str(memo))


# --- deleted, merged, changed at night


def test_a_merged_customer_goes_and_its_documents_stay(there: NetSuiteStage) -> None:
    """Its transactions are re-pointed and stamped, then it is deleted (22)."""
    source, target = there.customers[0], there.customers[1]
    connector = there.open()
    since = {entity: cursor(connector, entity) for entity in ("customers", "documents")}
    there.books.time.sleep(7200)
    verbs.merge(there.books, source, target)
    after = there.open()
    assert str(source) in {
        key for batch in batches(after, "customers", since["customers"]) for key in batch.deleted
    }
    moved = pulled(after, "documents", since["documents"])
    invoice = there.books.one('SELECT MIN("id") FROM "transaction"')
    assert moved[str(invoice)]["entity"] == str(target)


def test_types_of_deleted_records_are_read_in_any_spelling(there: NetSuiteStage) -> None:
    """And what has none of its own, such as a department, is missed in its list (32)."""
    connector = there.open()
    since = cursor(connector, "payments")
    department = there.books.add("department", name="Sales", isinactive="F")
    assert f"department/{department}" in pulled(there.open(), "dimension_values")
    there.books.time.sleep(7200)
    payment = there.books.one("""SELECT MIN("id") FROM "transaction" WHERE "type" = 'CustPymt'""")
    verbs.delete(there.books, "transaction", payment)
    there.books.db.execute('UPDATE "deletedrecord" SET "type" = \'Customer Payment\'')
    there.books.db.execute('DELETE FROM "department"')
    after = there.open()
    assert str(payment) in {key for batch in batches(after, "payments", since) for key in batch.deleted}
    (sweep,) = batches(after, "dimension_values")
    assert sweep.complete
    assert f"department/{department}" not in {record.key for record in sweep.records}


def test_a_change_minutes_before_midnight_is_not_lost(there: NetSuiteStage) -> None:
    """A bound that is a date misses what happens between the last run and local midnight (29)."""
    there.books.time.at = datetime(2026, 6, 2, 6, 30, tzinfo=UTC)  # 23:30 in Los Angeles
    there.books.edit("customer", there.customers[0], altname="Before")
    since = cursor(there.open(), "customers")
    there.books.time.sleep(1200)
    there.books.edit("customer", there.customers[1], altname="At ten to twelve")
    there.books.time.sleep(1200)
    assert str(there.customers[1]) in pulled(there.open(), "customers", since)


@pytest.mark.parametrize("minutes", range(0, 181, 20))
def test_an_hour_that_is_shown_twice_loses_nothing(there: NetSuiteStage, minutes: int) -> None:
    """Clocks go back at 9:00 UTC: what is stamped behind a cursor may show less than it."""
    there.books.time.at = datetime(2026, 11, 1, 7, 30, tzinfo=UTC) + timedelta(minutes=minutes)
    there.books.edit("customer", there.customers[0], altname="Before")
    since = cursor(there.open(), "customers")
    there.books.time.sleep(15 * 60)
    there.books.edit("customer", there.customers[1], altname="Later")
    assert str(there.customers[1]) in pulled(there.open(), "customers", since)


def test_the_bound_of_a_zone_is_the_earliest_that_its_clock_shows() -> None:
    """Twenty minutes before clocks go back by an hour, the bound is what they show forty minutes later."""
    zone, moment = SessionZone("America/Los_Angeles"), datetime(2026, 11, 1, 8, 40, tzinfo=UTC)
    assert zone.not_after(moment, moment + timedelta(minutes=5)) == "2026-11-01 00:40:00"
    assert zone.not_after(moment, datetime(2026, 11, 1, 8, 45, tzinfo=UTC)) <= "2026-11-01 01:40:00"
    assert zone.utc("2026-11-01 01:30:00") == datetime(2026, 11, 1, 8, 30, tzinfo=UTC)
    assert (
        zone.not_after(datetime(2026, 7, 1, 12, tzinfo=UTC), datetime(2026, 7, 1, 13, tzinfo=UTC))
        == "2026-07-01 05:00:00"
    )


def test_a_run_with_nothing_new_costs_two_calls(there: NetSuiteStage) -> None:
    """One that asks whether anything moved, one for the small lists."""
    connector = there.open()
    since = {entity: batches(connector, entity)[-1].resume_from for entity in connector.streams}
    there.books.time.sleep(48 * 3600)
    settled = there.open()
    since = {entity: batches(settled, entity, since[entity])[-1].resume_from for entity in settled.streams}
    quiet = there.open(page_size=1000)
    assert all(not batches(quiet, entity, since[entity])[-1].records for entity in since if since[entity])
    assert quiet.calls == 2


def test_balances_of_books_in_one_currency_only(there: NetSuiteStage) -> None:
    """Where subsidiaries keep their books in several currencies, a sum of balances means nothing; what is open is told by currency."""
    assert {t.name for t in there.open().totals("customers")} == {"count", "debtor_balance"}
    there.books.subsidiary("Northwind Europe", "EUR", parent=2)
    assert {t.name for t in there.open().totals("customers")} == {"count"}
    told = {t.currency: t.value for t in there.open().totals("documents") if t.name == "open_amount"}
    assert told.keys() == {"USD", "EUR"}
    assert told["USD"] == sum(
        (
            Decimal(str(amount))
            for (amount,) in there.books.rows(
                """SELECT coalesce("foreignamountunpaid", 0) - coalesce("foreignpaymentamountunused", 0) FROM "transaction" t
            JOIN "currency" c ON c."id" = t."currency" WHERE c."symbol" = 'USD' AND t."posting" = 'T' AND t."voided" = 'F'
            UNION ALL SELECT coalesce("foreignamountunpaid", 0) - coalesce("foreignpaymentamountunused", 0) FROM "transactionline" """
            )
        ),
        Decimal(0),
    )


def test_a_customer_has_several_addresses(there: NetSuiteStage) -> None:
    """One that is left out of the book is gone, although the list of deletions does not tell of it (32)."""
    customer = there.customers[0]
    address = there.books.next_id()
    there.books.add("entityaddress", nkey=address, addr1="Dock 4", city="Springfield", country="US")
    there.books.add(
        "customeraddressbook",
        entity=customer,
        label="Dock",
        defaultbilling="F",
        defaultshipping="F",
        addressbookaddress=address,
    )
    since = cursor(there.open(), "addresses")
    found = drafts("addresses", pulled(there.open(), "addresses"))
    assert found[f"{customer}|{address}"]["kind"] == "delivery"
    assert len([key for key in found if key.startswith(f"{customer}|")]) == 2
    there.books.time.sleep(7200)
    there.books.db.execute('DELETE FROM "customeraddressbook" WHERE "addressbookaddress" = ?', (address,))
    there.books.edit("customer", customer)
    told = batches(there.open(), "addresses", since)
    assert str(customer) in {parent for batch in told for parent in batch.whole}
    assert f"{customer}|{address}" not in {record.key for batch in told for record in batch.records}


def test_journals_are_read_without_the_right_to_see_accounts(there: NetSuiteStage) -> None:
    """Then a line counts that something can be open of, which is what receivable accounts are for."""
    before = pulled(there.open(), "journal_debits")
    there.books.session.forbidden = {"account", "transactionaccountingline"}
    assert pulled(there.open(), "journal_debits") == before != {}


def test_a_zone_may_be_a_distance_or_nothing_that_is_known() -> None:
    """Oracle tells either; guessing a zone would move every stamp."""
    assert SessionZone("-08:00").utc("2026-03-02 10:00:00") == datetime(2026, 3, 2, 18, tzinfo=UTC)
    assert (
        SessionZone("+05:30").not_after(datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 3, 3, tzinfo=UTC))
        == "2026-03-02 05:30:00"
    )
    for name in ("Pacific Daylight", "", "../etc/passwd"):
        with pytest.raises(SourceError, match="time zone"):
            SessionZone(name)
