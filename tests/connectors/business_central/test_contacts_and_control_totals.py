"""Who a contact belongs to, what the ERP states itself, and everything about one debtor."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from sync_engine.errors import SourceError
from sync_engine.records import Cursor
from tests.connectors.support import Bench, bench, parsed, read, rows
from tests.simulators.business_central.faults import DeniesCompany, Fault
from tests.simulators.business_central.http import Request, Response
from tests.simulators.business_central.spoiled_answers import Spoils


def asked_of_customers(there: Bench) -> int:
    """How many customers have been asked for their contacts."""
    return len(there.simulator.requests("customers\\(.*/contactsInformation"))


def links(there: Bench, **settings: Any) -> tuple[set[tuple[str, str]], int]:
    """(customer, contact) of contactsInformation, and how many customers were asked."""
    opened = there.open(**settings)
    before = asked_of_customers(there)
    found = {
        (parsed(p)["relatedId"], parsed(p)["contactId"])
        for p in rows(read(opened, "contactsInformation")).values()
    }
    return found, asked_of_customers(there) - before


def test_nothing_is_asked_where_the_bulk_route_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every company has a person with relation Customer: no call per customer."""
    assert links(bench(monkeypatch)) == (set(), 0)


def test_a_company_that_is_vendor_too_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """`Multiple` is missing from customerContacts; one question finds it, by name. [facts: case 14]"""
    there = bench(monkeypatch)
    customer = there.company.customer("10050")
    company = there.company.company_contact(customer.id)
    assert company is not None
    there.company.relate_contact(company.number, "Vendor", "V1")
    found, asked = links(there)
    assert found == {
        (customer.id, contact.id)
        for contact in there.company.contacts.values()
        if company.id in (contact.id, contact.company_id)
    }
    assert asked == 1


def test_before_version_25_every_customer_may_have_to_be_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Until all companies are known, and no more than the limit."""
    there = bench(monkeypatch, version=22)
    found, asked = links(there)
    assert (len(found), asked) == (22, 11)
    found, asked = links(there, contacts_information_limit=3)
    assert (len(found), asked) == (6, 3)
    assert "contactsInformation" not in there.open(contacts_information=False).streams


def test_a_company_without_people_is_not_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Business Central makes a company contact for every customer; where nobody works there is nobody to link, in any version."""
    for version, persons in ((26, 0), (22, 11)):
        there = bench(monkeypatch, version=version)
        for number in range(5):
            there.company.create_customer(f"Nobody's {number}")
        found, asked = links(there)
        assert (len(found), asked) == (2 * persons, persons)
        assert len(links(there, company_contacts=True)[0]) == 2 * persons + 5


def test_a_limited_reading_is_not_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was not asked is not gone."""
    assert not read(bench(monkeypatch, version=22).open(contacts_information_limit=3), "contactsInformation")[
        -1
    ].complete


def test_a_stale_customer_id_links_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """A row that repeats the customer of the row before has no customer name: its company is not known by it."""
    there = bench(monkeypatch)
    company = there.company.company_contact(there.company.customer("10070").id)
    person = next(
        x for x in there.company.contacts.values() if company is not None and x.company_id == company.id
    )
    there.company.orphan_contact(person.number)
    assert len(links(there, company_contacts=True)[0]) == 1
    assert links(there) == (set(), 0)


def test_a_company_without_a_customer_is_asked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its person is stamped as a customer's and no relation is left: remembered until a sweep, a new face or a customer of its name."""
    there = bench(monkeypatch)
    for number in range(5):
        there.company.create_customer(f"Nobody's {number}")
    left = there.company.create_contact("LEFT BEHIND ApS", kind="Company")
    there.company.create_contact("Ib Blank", company=left.number).stamped_relation = "Customer"
    since: Cursor | None = None

    def asked() -> int:
        nonlocal since
        before = asked_of_customers(there)
        since = read(there.open(), "contactsInformation", since)[-1].resume_from
        there.hands.time.advance(timedelta(hours=1))
        there.company.edit_contact(
            next(c.number for c in there.company.contacts.values() if c.name == "Anna Berg0"),
            phone=str(there.hands.now()),
        )
        return asked_of_customers(there) - before

    assert [asked(), asked(), asked()] == [5, 0, 0]
    there.company.create_contact("Bo Blank", company=left.number).stamped_relation = "Customer"
    assert [asked(), asked()] == [5, 0]
    there.company.create_customer("Left behind APS")
    assert asked() == 1
    since = None
    assert asked() == 6


def test_controls_of_customers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Count, balance per debtor, ageing and the sum of what is open, all in base currency."""
    there = bench(monkeypatch)
    totals = there.open().totals("customers")
    truth = there.company.open_totals().local
    assert [t.value for t in totals if t.name == "count"] == [Decimal(11)]
    assert sum(t.value for t in totals if t.name == "debtor_balance") == truth
    assert sum(t.value for t in totals if t.name == "ageing") == truth
    assert [t.value for t in totals if t.name == "open_amount_base"] == [truth]
    assert next(t.key for t in totals if t.name == "ageing") == "current"
    assert {t.key for t in totals if t.name == "debtor_balance"} == set(there.company.customers)


def test_controls_degrade(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without permission for the reports only the count is stated."""
    there = bench(
        monkeypatch, denied_entities=frozenset({"agedAccountsReceivables", "customerFinancialDetails"})
    )
    assert {t.name for t in there.open().totals("customers")} == {"count"}


ROWS_OF = "companyInformation"


def anchor(there: Bench, **settings: Any) -> Decimal | None:
    """The control account as stated; None where it is not."""
    return next(
        (t.value for t in there.open(**settings).totals(ROWS_OF) if t.name == "control_account"), None
    )


@pytest.mark.parametrize("accounts", [["2310"], "by_category"], ids=["by number", "by category"])
def test_the_general_ledger_is_an_anchor(accounts: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The receivables account holds what the customer ledger has open, in base currency; one request."""
    there = bench(monkeypatch)
    assert (
        anchor(there, control_accounts=accounts)
        == there.company.receivables_in_general_ledger()
        == there.company.open_totals().local
    )
    assert not there.simulator.requests("generalLedgerEntries")


class NoNetChange(Spoils):
    """Accounts without their net change."""

    def spoil(self, request: Request, payload: dict[str, Any]) -> None:
        for row in payload["value"] if request.path.endswith("/accounts") else []:
            row.pop("netChange", None)


def test_without_net_change_the_entries_of_the_account_are_added_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Debits less credits of that account alone."""
    there = bench(monkeypatch)
    there.simulator.inject(NoNetChange())
    assert anchor(there, control_accounts=["2310"]) == there.company.receivables_in_general_ledger()
    assert there.simulator.requests("generalLedgerEntries")


def test_the_anchor_is_off_unless_accounts_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistyped account is said, and silences no other figure."""
    there = bench(monkeypatch)
    assert anchor(there) is None
    assert not there.simulator.requests("/accounts")
    opened = there.open(control_accounts=["2399"])
    with pytest.raises(SourceError, match="2399"):
        opened.totals(ROWS_OF)
    assert {t.name for t in opened.totals("customers")} > {"ageing", "debtor_balance"}


class NoCountPath(Fault):
    """A host without /$count."""

    def before(self, request: Request) -> Response | None:
        return Response(404, body=b"") if request.path.endswith("$count") else None


@pytest.mark.parametrize("faults", [(), (NoCountPath(),)], ids=["by path", "by parameter"])
def test_counts_are_of_the_same_rows_as_the_sweep(
    faults: tuple[Fault, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Default dimensions of customers only, open invoices only."""
    there = bench(monkeypatch)
    there.simulator.inject(*faults)
    opened = there.open()
    for entity in opened.streams:
        assert opened.count(entity) in (None, len(rows(read(opened, entity)))), entity
    assert opened.count("openInvoices")


def test_everything_about_one_debtor(monkeypatch: pytest.MonkeyPatch) -> None:
    """Documents by bill-to, entries by number, contacts through its company contact."""
    there = bench(monkeypatch)
    payer = there.company.customer("10040")
    branch = there.company.create_customer("Branch", bill_to=payer.number)
    billed = there.company.post_invoice(branch.id, Decimal(5))
    found = {batch.entity: rows([batch]) for batch in there.open().pull_debtor(payer.id)}
    assert set(found["customers"]) == {payer.id}
    assert billed.id in found["salesInvoices"]
    assert len(found["contacts"]) == 2
    assert len(found["ledgerEntriesPage"]) == len(there.company.entries_of[payer.id])
    assert found["salesCreditMemos"]


def test_a_debtor_that_is_gone_is_told_as_deleted(monkeypatch: pytest.MonkeyPatch) -> None:
    """And a number is not an id."""
    there = bench(monkeypatch)
    gone = there.company.create_customer("Gone")
    there.company.delete_customer(gone.number)
    batches = list(there.open().pull_debtor(gone.id))
    assert [(batch.entity, batch.deleted) for batch in batches] == [("customers", (gone.id,))]
    with pytest.raises(SourceError, match="not the number"):
        list(there.open().pull_debtor("10000"))


def test_discovery_lists_companies_with_their_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    """`sources discover` needs no company."""
    there = bench(monkeypatch)
    there.simulator.world.add_company("Second & Co")
    host = "https://localhost"
    found = there.open(
        base_url=host, tenant_id=there.simulator.world.installation.tenant_id, company=None
    ).discover()
    assert {(c.environment, c.name, c.closed) for c in found} == {
        ("Production", "Hansen & Søn", ""),
        ("Production", "Second & Co", ""),
    }
    assert found[0].version.startswith("26.")


class Lists(Spoils):
    """Only this list of environments answers; a second environment is in it that nobody can enter."""

    def __init__(self, place: str) -> None:
        super().__init__(match=place)
        self.place = place

    def before(self, request: Request) -> Response | None:
        listed = "environments" in request.path
        return Response(403, body=b"{}") if listed and self.place not in request.path else None

    def spoil(self, request: Request, payload: dict[str, Any]) -> None:
        payload["value"].append({**payload["value"][0], "name": "Closed"})


@pytest.mark.parametrize("place", ["/environments/v1.2", "/environments/v1.1", "/admin/v2.0/"])
def test_environments_are_listed_where_the_app_may_look(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest list, an older one, the administrator's; an environment that answers nothing is reported and the others are found."""
    there = bench(monkeypatch)
    closed = there.simulator.world.add_company("Closed & Co")
    there.simulator.inject(Lists(place), DeniesCompany(closed.id))
    found = there.open(
        base_url="https://localhost", tenant_id=there.simulator.world.installation.tenant_id, company=None
    ).discover()
    assert [(c.environment, c.name) for c in found if not c.closed] == [("Production", "Hansen & Søn")]
    told = {(c.environment, c.name): c.closed for c in found if c.closed}
    assert told.keys() == {("Production", "Closed & Co"), ("Closed", "(every company)")}
    assert told["Production", "Closed & Co"].startswith("the company 'Closed & Co' cannot be entered")
    assert told["Closed", "(every company)"] == "there is no environment 'Closed'"


def test_keys_are_cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """One field, 20,000 a page; links have no list."""
    there = bench(monkeypatch, version=22)
    opened = there.open()
    assert opened.streams
    before = opened.calls
    assert {key for page in opened.keys("salesInvoices") for key in page} == set(there.company.invoices)
    assert opened.calls == before + 1
    with pytest.raises(SourceError):
        list(opened.keys("contactsInformation"))
    there.hands.time.advance(timedelta(hours=1))
