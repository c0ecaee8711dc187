"""Business actions and what they look like on the wire; the ledger, the documents and the G/L always agree."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from tests.simulators.business_central import Company
from tests.simulators.business_central.state import ActionRefused
from tests.simulators_test.conftest import Tenant

CUSTOM = "contoso/receivables/v1.0"


def test_posting_keeps_the_id_and_changes_everything_else(tenant: Tenant, company: Company) -> None:
    """A draft reads Draft with its full amount open; released it reads Open; posted it has a new number and new line ids."""
    draft = company.create_invoice("10000", amount=Decimal(100))
    path = f"salesInvoices({draft.id})?$expand=salesInvoiceLines"
    before = tenant.get(path).json()
    company.request_approval(draft.id)
    waiting = tenant.get(path).json()
    company.release(draft.id)
    released = tenant.get(path).json()
    assert company.open_totals().open_entries == 0
    company.post_document(draft.id)
    posted = tenant.get(path).json()
    assert [x["status"] for x in (before, waiting, released, posted)] == [
        "Draft",
        "In_x0020_Review",
        "Open",
        "Open",
    ]
    assert [x["remainingAmount"] for x in (before, released, posted)] == [100, 100, 100]
    assert before["number"] != posted["number"]
    assert before["salesInvoiceLines"][0]["id"] != posted["salesInvoiceLines"][0]["id"]
    automate = tenant.rows("postedSalesInvoices", "microsoft/automate/v1.0")
    assert [(x["apiId"], x["number"]) for x in automate] == [(draft.id, posted["number"])]


def test_a_partial_payment_leaves_the_stamp_alone(tenant: Tenant, company: Company) -> None:
    """The remaining amount moves without lastModifiedDateTime; only the change to Paid is stamped."""
    invoice = company.post_invoice("10000", Decimal(100))
    stamps, amounts, statuses = [], [], []
    for paid in (0, 30, 70):
        tenant.clock.advance(timedelta(hours=1))
        if paid:
            company.pay_invoice(invoice.id, Decimal(paid))
        row = tenant.get(f"salesInvoices({invoice.id})").json()
        stamps.append(row["lastModifiedDateTime"])
        amounts.append(row["remainingAmount"])
        statuses.append(row["status"])
    assert (amounts, statuses) == ([100, 70, 0], ["Open", "Open", "Paid"])
    assert stamps[0] == stamps[1] != stamps[2]


@pytest.mark.parametrize("touches", [True, False])
def test_whether_a_partial_application_stamps_the_ledger_entry(
    tenant: Tenant, company: Company, touches: bool
) -> None:
    """BC modifies the ledger entry when it applies; the switch makes an installation that does not show it."""
    company.partial_application_touches_entry = touches
    invoice = company.post_invoice("10000", Decimal(100))
    entry = company.entry(invoice.entry_no or 0)
    before = entry.modified_at
    tenant.clock.advance(timedelta(minutes=1))
    company.pay_invoice(invoice.id, Decimal(1))
    assert (entry.modified_at != before) is touches


def test_applications_can_be_undone(tenant: Tenant, company: Company) -> None:
    """Un-applying adds detailed entries, opens both sides, and the invoice is Open again."""
    invoice = company.post_invoice("10000", Decimal(100))
    payment = company.pay_invoice(invoice.id)
    company.unapply(company.applications_of(payment.entry_no)[0])
    assert company.open_totals().per_currency == {"GBP": Decimal(0)}
    assert tenant.get(f"salesInvoices({invoice.id})").json()["status"] == "Open"
    rows = tenant.rows("detailedCustomerLedgerEntries?$filter=unapplied eq true", CUSTOM)
    assert sorted(x["amount"] for x in rows) == [-100, -100, 100, 100]
    with pytest.raises(ActionRefused):
        company.unapply(1)


def test_payments_in_every_shape(company: Company) -> None:
    """Over-payments and money on account stay open as credits; a refund closes one."""
    invoice = company.post_invoice("10000", Decimal(100))
    over = company.post_payment("10000", Decimal(130), apply_to=invoice.id)
    on_account = company.post_payment("10000", Decimal(20))
    assert (over.remaining, on_account.remaining) == (Decimal(-30), Decimal(-20))
    assert invoice.wire_status == "Paid"
    company.post_refund("10000", Decimal(30), apply_to=over.entry_no)
    assert company.open_totals().per_currency == {"GBP": Decimal(-20)}
    assert company.ageing(company.today())["credits"] == -20


def test_a_discount_a_write_off_and_a_reversal(tenant: Tenant, company: Company) -> None:
    """A discount closes what no money paid; a write-off is an entry without a type; a reversal closes both sides."""
    invoice = company.post_invoice("10000", Decimal(100))
    payment = company.post_payment("10000", Decimal(98), apply_to=invoice.id, discount=Decimal(2))
    assert (payment.open, invoice.wire_status) == (False, "Paid")
    kinds = {
        x["entryType"]: x["amount"]
        for x in tenant.rows("detailedCustomerLedgerEntries?$filter=amount lt 0", CUSTOM)
    }
    assert kinds["Payment_x0020_Discount"] == -2
    bad = company.post_invoice("10000", Decimal(40))
    written = company.write_off(bad.entry_no or 0)
    assert (written.document_type, bad.wire_status) == (" ", "Paid")
    wrong = company.post_journal_invoice("10000", Decimal(7))
    company.reverse(wrong.entry_no)
    assert wrong.reversed
    assert company.open_totals().open_entries == 0
    assert company.receivables_in_general_ledger() == 0
    with pytest.raises(ActionRefused):
        company.reverse(wrong.entry_no)


def test_entries_that_are_no_sales_documents(tenant: Tenant, company: Company) -> None:
    """Journal invoices, opening balances and finance charges are in the ledger and nowhere else."""
    company.post_journal_invoice("10000", Decimal(50), due=date(2026, 6, 1))
    company.post_opening_balance("10000", Decimal(25))
    company.post_finance_charge("10000", Decimal(5))
    assert tenant.rows("salesInvoices") == []
    rows = tenant.rows("customerLedgerEntries?$orderby=entryNumber", CUSTOM)
    assert [x["documentType"] for x in rows] == ["Invoice", "_x0020_", "Finance_x0020_Charge_x0020_Memo"]
    assert tenant.rows("customers")[0]["balanceDue"] == 80


def test_cancelled_and_corrective(tenant: Tenant, company: Company) -> None:
    """A cancelled invoice owes nothing and its credit memo is Corrective; both close. Paid documents cannot be cancelled."""
    invoice = company.post_invoice("10000", Decimal(100))
    memo = company.cancel_invoice(invoice.id)
    row = tenant.get(f"salesInvoices({invoice.id})").json()
    assert (row["status"], row["remainingAmount"]) == ("Canceled", 0)
    assert tenant.get(f"salesCreditMemos({memo.id})").json()["status"] == "Corrective"
    assert company.open_totals().open_entries == 0
    paid = company.post_invoice("10000", Decimal(10))
    company.pay_invoice(paid.id, Decimal(1))
    with pytest.raises(ActionRefused):
        company.cancel_invoice(paid.id)


def test_a_credit_memo_knows_only_the_invoice_it_was_made_for(tenant: Tenant, company: Company) -> None:
    """invoiceId is there when the memo was applied on posting; applied later it shows nothing. There is no remaining amount."""
    invoice = company.post_invoice("10000", Decimal(100))
    applied = company.post_credit_memo("10000", Decimal(100), applies_to=invoice.id)
    other = company.post_invoice("10000", Decimal(40))
    later = company.post_credit_memo("10000", Decimal(40))
    company.apply(later.entry_no or 0, other.entry_no or 0)
    rows = {x["id"]: x for x in tenant.rows("salesCreditMemos")}
    assert (rows[applied.id]["invoiceId"], rows[applied.id]["invoiceNumber"]) == (invoice.id, invoice.number)
    assert (rows[later.id]["invoiceId"], rows[later.id]["invoiceNumber"]) == (
        "00000000-0000-0000-0000-000000000000",
        "",
    )
    assert "remainingAmount" not in rows[later.id]
    assert {invoice.wire_status, other.wire_status, later.wire_status} == {"Paid"}


def test_the_bill_to_customer_owes(tenant: Tenant, company: Company) -> None:
    """Sell-to and bill-to differ: the receivable is the payer's, e-mail and phone are the buyer's."""
    payer = company.create_customer("Group treasury", number="20000")
    company.edit_customer("10000", bill_to_id=payer.id, email="buyer@example.com")
    company.post_invoice("10000", Decimal(10))
    row = tenant.rows("salesInvoices")[0]
    assert (row["customerNumber"], row["billToCustomerNumber"], row["email"]) == (
        "10000",
        "20000",
        "buyer@example.com",
    )
    assert tenant.rows("customerLedgerEntries", CUSTOM)[0]["customerNumber"] == "20000"
    card = tenant.client.get(
        f"{tenant.settings.base_url}/ODataV4/Company(Id={company.id})/Customer_Card"
    ).json()["value"]
    assert [x["Bill_to_Customer_No"] for x in card] == ["20000", ""]


def test_foreign_money_is_booked_and_its_difference_realised(tenant: Tenant, company: Company) -> None:
    """A payment at another rate leaves nothing open in either currency; the difference is a detailed entry and a G/L entry."""
    invoice = company.post_invoice("10000", Decimal(100), currency="USD", on=date(2026, 1, 5))
    company.add_exchange_rate("USD", date(2026, 4, 1), Decimal(90))
    company.pay_invoice(invoice.id, Decimal(40))
    assert company.open_totals().per_currency == {"USD": Decimal(60)}
    assert company.open_totals().local == company.receivables_in_general_ledger() == Decimal(48)
    company.pay_invoice(invoice.id)
    assert company.open_totals().local == company.receivables_in_general_ledger() == 0
    kinds = [x["entryType"] for x in tenant.rows("detailedCustomerLedgerEntries", CUSTOM)]
    assert kinds.count("Realized_x0020_Gain") == 2
    row = tenant.rows("salesInvoices")[0]
    assert (row["currencyCode"], row["currencyId"]) == ("USD", next(iter(company.currencies)))


def test_the_local_currency_has_two_spellings(tenant: Tenant, company: Company) -> None:
    """API v2.0 says GBP with a null id, the ledger feeds say nothing, and `currencies` does not list it."""
    company.post_invoice("10000", Decimal(10))
    invoice = tenant.rows("salesInvoices")[0]
    assert (invoice["currencyCode"], invoice["currencyId"]) == ("GBP", "00000000-0000-0000-0000-000000000000")
    assert tenant.rows("customerLedgerEntries", CUSTOM)[0]["currencyCode"] == ""
    assert tenant.rows("customerLedgerEntries", "microsoft/reportsFinance/beta")[0]["currencyCode"] == ""
    assert [x["code"] for x in tenant.rows("currencies")] == ["USD"]
    assert (
        tenant.rows("generalLedgerSetup")[0]["localCurrencyCode"]
        == tenant.rows("companyInformation")[0]["currencyCode"]
        == "GBP"
    )


def test_what_collections_adds(tenant: Tenant, company: Company) -> None:
    """Dispute and promise are on the posted invoice and its ledger entry, and they stamp both."""
    invoice = company.post_invoice("10000", Decimal(10))
    company.dispute(invoice.id, "QUALITY")
    company.promise(invoice.id, date(2026, 6, 15))
    row = tenant.rows("salesInvoices")[0]
    assert (row["disputeStatus"], row["promisedPayDate"]) == ("QUALITY", "2026-06-15")
    assert tenant.rows("customerLedgerEntries", CUSTOM)[0]["disputeStatus"] == "QUALITY"
    company.dispute(invoice.id, None)
    assert tenant.rows("salesInvoices")[0]["disputeStatusId"] == "00000000-0000-0000-0000-000000000000"


def test_unposted_payments_vanish_when_posted(tenant: Tenant, company: Company) -> None:
    """Journal lines are no payments: they are there, negative, until they are posted; then only the ledger has them."""
    invoice = company.post_invoice("10000", Decimal(10))
    journal = company.add_payment_journal("GENERAL", "Cash receipts")
    company.draft_payment("GENERAL", "10000", Decimal(10), apply_to=invoice.id)
    path = f"customerPaymentJournals({journal.id})/customerPayments"
    assert [(x["amount"], x["appliesToInvoiceId"]) for x in tenant.rows(path)] == [(-10, invoice.id)]
    assert company.open_totals().open_entries == 1
    company.post_journal("GENERAL")
    assert tenant.rows(path) == []
    assert company.open_totals().open_entries == 0


def test_numbers_and_codes_are_renamed_while_ids_stay(tenant: Tenant, company: Company) -> None:
    """A renumbered customer and a renamed dimension value keep their ids; the default dimension is not re-stamped."""
    customer = company.customer("10000")
    company.set_default_dimension("10000", "CUSTOMERGROUP", "SMALL")
    company.post_invoice("10000", Decimal(10))
    before = tenant.rows("defaultDimensions")[0]
    tenant.clock.advance(timedelta(minutes=5))
    company.rename_customer("10000", "+917796636577")
    company.rename_dimension_value("CUSTOMERGROUP", "SMALL", "TINY")
    after = tenant.rows("defaultDimensions")[0]
    assert {**before, "dimensionValueCode": "TINY"} == after
    invoice = tenant.rows("salesInvoices")[0]
    assert (invoice["customerId"], invoice["customerNumber"], invoice["shortcutDimension2Code"]) == (
        customer.id,
        "+917796636577",
        "TINY",
    )


def test_dimension_values_show_their_kind_only_in_one_place(tenant: Tenant, company: Company) -> None:
    """Headings, totals and blocked values look like any other in v2.0; reportsFinance tells."""
    company.block_dimension_value("CUSTOMERGROUP", "LARGE")
    plain = tenant.rows("dimensionValues")
    assert {x["code"] for x in plain} == {"SMALL", "LARGE", "ALL"}
    assert "dimensionValueType" not in plain[0]
    told = {
        x["dimensionValueCode"]: (x["dimensionValueType"], x["blocked"])
        for x in tenant.rows("dimensionValues", "microsoft/reportsFinance/beta")
    }
    assert told == {
        "SMALL": ("Standard", False),
        "LARGE": ("Standard", True),
        "ALL": ("Begin_x002D_Total", False),
    }


def test_default_dimensions_without_a_value(tenant: Tenant, company: Company) -> None:
    """The dimension may be on the card without a value, and its value may have been deleted."""
    company.set_default_dimension("10000", "CUSTOMERGROUP", "")
    row = tenant.rows("defaultDimensions")[0]
    assert (row["dimensionValueId"], row["dimensionValueCode"], row["postingValidation"]) == (
        "00000000-0000-0000-0000-000000000000",
        "",
        "Code_x0020_Mandatory",
    )
    company.set_default_dimension("10000", "CUSTOMERGROUP", "LARGE")
    company.delete_dimension_value("CUSTOMERGROUP", "LARGE")
    row = tenant.rows("defaultDimensions")[0]
    assert row["dimensionValueId"] not in {x["id"] for x in tenant.rows("dimensionValues")}


def test_contacts_and_their_customers(tenant: Tenant, company: Company) -> None:
    """The link lists the company contact too; a Multiple relation is missing from customerContacts."""
    company.create_contact("Mary Ann Teal", customer="10000", job_title="CFO")
    company.create_contact("Nobody's Person")
    people = tenant.rows("customerContacts")
    assert [(x["firstName"], x["lastName"], x["professionalTitle"], x["customerName"]) for x in people] == [
        ("Mary Ann", "Teal", "CFO", "HANSEN & SOEN")
    ]
    owner = company.customer("10000")
    assert len(tenant.rows(f"customers({owner.id})/contactsInformation")) == 2
    first = company.company_contact(owner.id)
    assert first is not None
    company.relate_contact(first.id, "Vendor", "V1")
    assert {x["contactBusinessRelation"] for x in tenant.rows("contacts")} == {"Multiple", "None"}
    assert tenant.rows("customerContacts") == []
    assert len(tenant.rows(f"customers({owner.id})/contactsInformation")) == 2


def test_the_stale_customer_id(tenant: Tenant, company: Company) -> None:
    """A person whose relation is gone repeats the customerId of the row before, with a blank customerName."""
    for place in range(6):
        company.create_contact(f"Person {place}", customer="10000")
    rows = tenant.rows("customerContacts")
    company.orphan_contact(rows[3]["id"])
    stale = tenant.rows("customerContacts")[3]
    assert (stale["customerId"], stale["customerName"]) == (rows[2]["customerId"], "")


def test_a_long_title_is_cut(tenant: Tenant, company: Company) -> None:
    """Job titles have 30 characters and keep case and blanks as typed."""
    person = company.create_contact("Chase Whitman", customer="10000")
    company.retitle_contact(person.id, "  Head of Accounts Payable and Receivable")
    assert tenant.get(f"contacts({person.id})").json()["jobTitle"] == "  Head of Accounts Payable and"


def test_deletions_leave_no_trace(tenant: Tenant, company: Company) -> None:
    """A customer with open entries stays; others go, with their default dimensions; documents keep the id."""
    company.set_default_dimension("10000", "CUSTOMERGROUP", "LARGE")
    invoice = company.post_invoice("10000", Decimal(10))
    with pytest.raises(ActionRefused):
        company.delete_customer("10000")
    company.pay_invoice(invoice.id)
    customer = company.customer("10000")
    company.delete_customer("10000")
    assert tenant.get(f"customers({customer.id})").status_code == 404
    assert (tenant.rows("customers"), tenant.rows("defaultDimensions")) == ([], [])
    assert tenant.rows("salesInvoices")[0]["customerId"] == customer.id
    company.delete_posted(invoice.id)
    assert tenant.rows("salesInvoices") == []
    assert len(tenant.rows("customerLedgerEntries", CUSTOM)) == 2


def test_aged_receivables_end_with_a_total_in_local_currency(tenant: Tenant, company: Company) -> None:
    """Amounts are local though the code says USD; the last row is Total with the null GUID."""
    company.create_customer("Trey Research", number="20000", currency="USD")
    company.post_invoice("20000", Decimal(100), on=date(2026, 3, 1), due=date(2026, 3, 20))
    company.post_invoice("10000", Decimal(7))
    rows = tenant.rows("agedAccountsReceivables")
    usd = next(x for x in rows if x["currencyCode"] == "USD")
    assert (usd["balanceDue"], usd["period2Amount"], usd["currentAmount"]) == (80, 80, 0)
    assert (rows[-1]["name"], rows[-1]["customerId"], rows[-1]["balanceDue"]) == (
        "Total",
        "00000000-0000-0000-0000-000000000000",
        87,
    )
    assert rows[-1]["balanceDue"] == company.open_totals().local
    assert [x["name"] for x in tenant.all_rows("agedAccountsReceivables", 1)][-1] == "Total"


def test_the_analytics_query_adds_up(tenant: Tenant, company: Company) -> None:
    """One row a detailed entry: the local remaining is a sum, and allocations can be seen."""
    invoice = company.post_invoice("10000", Decimal(100))
    payment = company.pay_invoice(invoice.id, Decimal(60))
    rows = tenant.rows("customerLedgerEntries", "microsoft/analytics/v1.0")
    assert sum(x["dcleAmountLCY"] for x in rows if x["cleEntryNo"] == invoice.entry_no) == 40
    applied = [x for x in rows if x["dcleEntryType"] == "Application" and x["cleEntryNo"] == invoice.entry_no]
    assert [x["dcleAppliedCustLedgerEntryNo"] for x in applied] == [payment.entry_no]


def test_a_commit_may_be_older_than_its_stamp(tenant: Tenant, company: Company) -> None:
    """A long transaction becomes visible now, stamped minutes ago."""
    with tenant.world.committed_late(timedelta(minutes=8)):
        company.edit_customer("10000", city="Lyon")
    assert tenant.rows("customers")[0]["lastModifiedDateTime"].startswith("2026-05-01T11:52")
