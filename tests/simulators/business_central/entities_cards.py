"""API v2.0 customers and contacts, the two links between them, and the two receivable reports.

Sources: AL pages APIV2Customers, APIV2Contacts, APIV2ContactsInformation, APIV2CustContacts, APIV2AgedAR.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any

from tests.simulators.business_central import records as r
from tests.simulators.business_central.entities_setup import MODIFIED, currency_id
from tests.simulators.business_central.errors import dialog
from tests.simulators.business_central.schema import (
    EntitySet,
    Nav,
    amount,
    card,
    day,
    flag,
    guid,
    make,
    option,
    stamp,
    text,
)
from tests.simulators.business_central.wire import NULL_GUID, Edm
from tests.simulators.business_central.world import Company

RELATIONS = (" ", "Customer", "Vendor", "Bank Account", "Employee", "None", "Other", "Multiple")
BLOCKED = (" ", "Ship", "Invoice", "All")
KINDS = ("Company", "Person")


@dataclass
class ContactLink:
    """A row of the contact information buffer."""

    contact: r.Contact
    related_id: str
    related_type: str = "Customer"
    row_version: int = 0


@dataclass
class PersonLink:
    """A row of customerContacts; `customer_id` may be the previous row's when `customer_name` is blank."""

    contact: r.Contact
    customer_id: str
    customer_name: str

    @property
    def row_version(self) -> int:
        return self.contact.row_version


@dataclass
class Aged:
    """A row of the aged receivables; amounts are in local currency whatever the code says."""

    customer_id: str
    number: str
    name: str
    currency_code: str
    buckets: list[Decimal] = field(default_factory=lambda: [Decimal(0)] * 4)
    row_version: int = 0


def total_balance(company: Company, row: r.Customer) -> Decimal:
    """`balanceDue` has no date filter on this page: everything, summed across currencies as if they were one."""
    return sum((x.remaining for x in company.entries_of.get(row.id, [])), Decimal(0))


def balance(company: Company, row: r.Customer) -> Decimal:
    return sum((x.remaining_lcy for x in company.entries_of.get(row.id, [])), Decimal(0))


def overdue(company: Company, row: r.Customer) -> Decimal:
    late = (x for x in company.entries_of.get(row.id, []) if x.due_date < company.today())
    return sum((x.remaining_lcy for x in late), Decimal(0))


def sales(company: Company, row: r.Customer) -> Decimal:
    return sum((x.sales_lcy for x in company.entries_of.get(row.id, [])), Decimal(0))


def contacts_of(company: Company, row: r.Customer) -> list[ContactLink]:
    """All contacts of the first business relation's company, that company contact included."""
    first = company.company_contact(row.id)
    if first is None:
        return []
    return [ContactLink(x, row.id) for x in company.people_of_company(first)]


def flat_contact_information(company: Company, equalities: Mapping[str, Any]) -> list[ContactLink]:
    """Without both filters the page fails."""
    related, kind = equalities.get("relatedId"), equalities.get("relatedType")
    if not related or not kind:
        raise dialog("id type not specified.")
    found = company.customers.get(str(related))
    return contacts_of(company, found) if found and kind == "Customer" else []


def customer_contacts(company: Company, _: object) -> Iterable[PersonLink]:
    """Persons whose relation is exactly Customer; a customerId that is not found repeats the one before."""
    owners = {x.id: x.relations for x in company.contacts.values() if x.relations}
    last = NULL_GUID
    for contact in company.contacts.in_key_order():
        if contact.type != "Person" or company.relation_of(contact) != "Customer":
            continue
        relations = owners.get(contact.company_id or "", contact.relations)
        customer = next((company.customers.get(x) for kind, x in relations if kind == "Customer"), None)
        if customer is not None:
            last = customer.id
        yield PersonLink(contact, last, customer.name if customer else "")


def _bucket(late: int) -> int:
    return 0 if late <= 0 else 1 if late <= 30 else 2 if late <= 60 else 3


def aged(company: Company, _: object = None) -> list[Aged]:
    """Every customer in local currency, and a last row called Total with the null GUID."""
    buckets: dict[str, list[Decimal]] = defaultdict(lambda: [Decimal(0)] * 4)
    today = company.today()
    total = Aged(NULL_GUID, "", "Total", "")
    for entry in company.entries.values():
        if entry.open:
            place = _bucket((today - entry.due_date).days)
            buckets[entry.customer_id][place] += entry.remaining_lcy
            total.buckets[place] += entry.remaining_lcy
    rows = [
        Aged(x.id, x.number, x.name, x.currency_code or company.local_currency, buckets[x.id])
        for x in company.customers.in_key_order()
    ]
    return [*rows, total]


def aged_of(company: Company, row: r.Customer) -> list[Aged]:
    return [x for x in aged(company) if x.customer_id == row.id]


def aged_bucket(place: int) -> Any:
    return lambda c, row: row.buckets[place]


def period_label(place: int) -> Any:
    """The period as the report heads it, language-dependent."""

    def label(company: Company, row: Aged) -> str:
        last = company.today() - timedelta(days=30 * (place - 1) + 1)
        first = company.today() - timedelta(days=30 * place)
        return f"{first:%m/%d/%y}..{last:%m/%d/%y}" if place < 3 else f"Before {last:%m/%d/%y}"

    return label


def _one(table: str, attribute: str) -> Any:
    def rows(company: Company, row: Any) -> list[Any]:
        found = getattr(company, table).get(getattr(row, attribute) or "")
        return [found] if found else []

    return rows


def _currency(company: Company, row: Any) -> list[r.Currency]:
    return [x for x in company.currencies.values() if x.code == row.currency_code]


CUSTOMERS = EntitySet(
    "customers",
    "customer",
    (
        guid("id", "id"),
        card("number", "number", 20),
        card("displayName", "name", 100),
        option("type", "type", KINDS),
        card("addressLine1", "address1", 100),
        card("addressLine2", "address2", 50),
        card("city", "city", 30),
        card("state", "state", 30),
        card("country", "country", 10),
        card("postalCode", "postcode", 20),
        card("phoneNumber", "phone", 30),
        card("email", "email", 80),
        card("website", "website", 255),
        card("salespersonCode", "salesperson_code", 20, since=19),
        amount("balanceDue", total_balance, since=19),
        make("creditLimit", Edm.DECIMAL, "credit_limit", since=19, writes=True),
        flag("taxLiable", lambda c, row: False),
        guid("taxAreaId", lambda c, row: None),
        text("taxAreaDisplayName", lambda c, row: ""),
        card("taxRegistrationNumber", "vat_no", 20),
        guid("currencyId", lambda c, row: currency_id(c, row.currency_code)),
        text("currencyCode", lambda c, row: row.currency_code or c.local_currency),
        make("paymentTermsId", Edm.GUID, "payment_terms_id", writes=True),
        guid("shipmentMethodId", lambda c, row: None),
        make("paymentMethodId", Edm.GUID, "payment_method_id", writes=True),
        option("blocked", "blocked", BLOCKED),
        MODIFIED,
    ),
    table=lambda c: c.customers,
    navs=(
        Nav("currency", "currencies", False, _currency),
        Nav("paymentTerm", "paymentTerms", False, _one("payment_terms", "payment_terms_id")),
        Nav("paymentMethod", "paymentMethods", False, _one("payment_methods", "payment_method_id")),
        Nav("customerFinancialDetail", "customerFinancialDetails", False, lambda c, row: [row]),
        Nav("defaultDimensions", "defaultDimensions", True, lambda c, row: c.default_dimensions_of(row.id)),
        Nav("agedAccountsReceivable", "agedAccountsReceivables", False, aged_of),
        Nav("contactsInformation", "contactsInformation", True, contacts_of, since=18),
    ),
    permission="18 Customer",
)
FINANCIAL_DETAILS = EntitySet(
    "customerFinancialDetails",
    "customerFinancialDetail",
    (
        guid("id", "id"),
        text("number", "number"),
        amount("balance", balance),
        amount("totalSalesExcludingTax", sales),
        amount("overdueAmount", overdue),
        MODIFIED,
    ),
    table=lambda c: c.customers,
    permission="18 Customer",
)
CONTACTS = EntitySet(
    "contacts",
    "contact",
    (
        guid("id", "id"),
        card("number", "number", 20),
        option("type", "type", KINDS),
        card("displayName", "name", 100),
        card("jobTitle", "job_title", 30, since=25),
        text(
            "companyNumber",
            lambda c, row: (
                row.number
                if row.type == "Company"
                else c.contacts[row.company_id].number
                if row.company_id in c.contacts
                else ""
            ),
        ),
        text(
            "companyName",
            lambda c, row: (
                row.name
                if row.type == "Company"
                else c.contacts[row.company_id].name
                if row.company_id in c.contacts
                else ""
            ),
        ),
        option("contactBusinessRelation", lambda c, row: c.relation_of(row), RELATIONS, since=19),
        card("addressLine1", "address1", 100),
        card("addressLine2", "address2", 50),
        card("city", "city", 30),
        card("state", "state", 30),
        card("country", "country", 10),
        card("postalCode", "postcode", 20),
        card("phoneNumber", "phone", 30),
        card("mobilePhoneNumber", "mobile", 30),
        card("email", "email", 80),
        card("website", "website", 255),
        text("searchName", lambda c, row: row.name.upper()),
        flag("privacyBlocked", "privacy_blocked"),
        card("taxRegistrationNumber", "vat_no", 20),
        day("lastInteractionDate", "last_interaction"),
        MODIFIED,
    ),
    table=lambda c: c.contacts,
    since=18,
    permission="5050 Contact",
)
CONTACTS_INFORMATION = EntitySet(
    "contactsInformation",
    "contactInformation",
    (
        guid("contactId", lambda c, row: row.contact.id),
        text("contactNumber", lambda c, row: row.contact.number),
        text("contactName", lambda c, row: row.contact.name),
        option("contactType", lambda c, row: row.contact.type, KINDS),
        guid("relatedId", "related_id"),
        option("relatedType", "related_type", (" ", "Customer", "Vendor", "Bank Account", "Employee")),
    ),
    rows=flat_contact_information,
    key="contactId",
    navs=(Nav("contact", "contacts", False, lambda c, row: [row.contact]),),
    since=18,
    tagged=False,
    permission="5050 Contact",
)
CUSTOMER_CONTACTS = EntitySet(
    "customerContacts",
    "customerContact",
    (
        guid("id", lambda c, row: row.contact.id),
        text("email", lambda c, row: row.contact.email),
        text("firstName", lambda c, row: row.contact.first_name[:30]),
        text("lastName", lambda c, row: row.contact.last_name[:30]),
        text("professionalTitle", lambda c, row: row.contact.job_title),
        guid("customerId", "customer_id"),
        text("customerName", "customer_name"),
        text("primaryPhoneNumber", lambda c, row: row.contact.phone),
    ),
    rows=customer_contacts,
    since=25,
    permission="5050 Contact",
)
AGED = EntitySet(
    "agedAccountsReceivables",
    "agedAccountsReceivable",
    (
        guid("customerId", "customer_id"),
        text("customerNumber", "number"),
        text("name", "name"),
        text("currencyCode", "currency_code"),
        amount("balanceDue", lambda c, row: sum(row.buckets, Decimal(0))),
        amount("currentAmount", aged_bucket(0)),
        text("period1Label", period_label(1), since=25),
        amount("period1Amount", aged_bucket(1)),
        text("period2Label", period_label(2), since=25),
        amount("period2Amount", aged_bucket(2)),
        text("period3Label", period_label(3), since=25),
        amount("period3Amount", aged_bucket(3)),
        day("agedAsOfDate", lambda c, row: c.today()),
        text("periodLengthFilter", lambda c, row: "30D"),
    ),
    rows=aged,
    key="customerId",
    permission="18 Customer",
)
CARDS = (CUSTOMERS, FINANCIAL_DETAILS, CONTACTS, CONTACTS_INFORMATION, CUSTOMER_CONTACTS, AGED)
__all__ = ["CARDS", "stamp"]
