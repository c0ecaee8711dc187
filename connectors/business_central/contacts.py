"""contactsInformation: which debtor a contact belongs to, asked per customer, only where no bulk route can tell.

customerContacts (v25) links persons whose relation is exactly Customer; with them their company contact is known, and through
its number all their colleagues. What is left, relation `Multiple` and companies without such a person, is asked for customer
by customer, likely ones first, until every company is known. Business Central makes a company contact for every customer; one
that nobody works at links nobody and is not asked for, unless company contacts are wanted themselves. A contact may be stamped
as a customer's though its company has no relation left; what was asked for in vain is remembered from sweep to sweep, so that
only customers named like it are asked again.
[facts: customerContacts, contactsInformation, case 14]
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, TypeVar

import msgspec
import xxhash

from connectors.business_central.catalogue import Entity
from connectors.business_central.reading import Reading
from connectors.business_central.urls import is_guid
from connectors.toolkit.damaged_rows import DamagedRow
from connectors.toolkit.http.errors import NotFound
from connectors.toolkit.number_sets import pack, unpack
from connectors.toolkit.odata.query import Query
from connectors.toolkit.pagination import PageSize
from connectors.toolkit.rows import Fields
from sync_engine.records import RawRecord, RecordBatch, made_up_key

_BATCH = 500


class _Contact(msgspec.Struct):
    id: str
    company: str = msgspec.field(name="companyNumber", default="")
    company_name: str = msgspec.field(name="companyName", default="")
    relation: str = msgspec.field(name="contactBusinessRelation", default="Customer")
    kind: str = msgspec.field(name="type", default="Person")


class _Person(msgspec.Struct):
    id: str
    customer: str = msgspec.field(name="customerId", default="")
    customer_name: str = msgspec.field(name="customerName", default="")


class _Customer(msgspec.Struct):
    id: str
    name: str = msgspec.field(name="displayName", default="")


class _Open(NamedTuple):
    """What is open: the company of every contact; the companies nobody linked, each with a mark of how its contacts stand; their names."""

    company_of: dict[str, str]
    marks: dict[str, int]
    names: set[str]


class _Row(msgspec.Struct):
    contact: str = msgspec.field(name="contactId", default="")


_T = TypeVar("_T", _Contact, _Person, _Customer)
_CONTACT, _CUSTOMER, _LINK = (
    Fields(_Contact, ("company", "relation", "kind")),
    Fields(_Customer),
    Fields(_Row),
)


class ContactsInformation:
    """Reads the links that the bulk routes leave open. Keys are `<customer id>|<contact id>`."""

    def __init__(self, reading: Reading, entity: Entity) -> None:
        self._reading, self._entity = reading, entity
        self._persons: list[_Person] = []
        self._odd: list[RawRecord] = []
        self.in_vain = ""
        """After `pull`: the companies that no customer knew."""

    def pull(self, in_vain: str = "") -> Iterator[RecordBatch]:
        """All open links, but for companies asked for `in_vain` before. Not `complete` when there were more customers to ask than the settings allow."""
        self._odd = []
        self._persons = list(self._bulk("customerContacts", Fields(_Person), ()))
        company_of, marks, names = self._unknown_companies()
        unknown, before = set(marks), unpack(in_vain)
        fresh = {company for company, mark in marks.items() if mark not in before}
        records: list[RawRecord] = []
        asked = 0
        for customer, is_named_alike in self._candidates(names) if unknown else ():
            if (
                not (unknown if is_named_alike else fresh)
                or asked >= self._reading.settings.contacts_information_limit
            ):
                break
            asked += 1
            found = self.of_customer(customer)
            if found:
                records += found
                answered = {
                    company_of.get(link.contact, "")
                    for row in found
                    if (link := _LINK.read(row.payload)) is not None
                }
                unknown, fresh = unknown - answered, fresh - answered
            if len(records) >= _BATCH:
                yield RecordBatch(self._entity.name, records)
                records = []
        self.in_vain = pack({marks[company] for company in unknown})
        yield RecordBatch(
            self._entity.name,
            [*records, *self._odd],
            complete=asked < self._reading.settings.contacts_information_limit or not unknown,
        )

    def of_customer(self, customer: str) -> list[RawRecord]:
        """The contacts of one customer: its company contact and everybody there. None when it was deleted meanwhile."""
        url = self._reading.site.addresses.v2(f"customers({customer})/{self._entity.path}")
        try:
            return [record for portion in self._reading.rows(self._entity, url) for record in portion.records]
        except NotFound:
            return []

    def _unknown_companies(self) -> _Open:
        linked = {person.id for person in self._persons if person.customer_name}
        contacts = list(
            self._bulk(
                "contacts",
                _CONTACT,
                ("id", "type", "companyNumber", "companyName", "contactBusinessRelation"),
            )
        )
        known = {contact.company for contact in contacts if contact.id in linked}
        wanted = ("Person", "Company") if self._reading.settings.company_contacts else ("Person",)
        open_ones = [
            c
            for c in contacts
            if c.company
            and c.company not in known
            and c.relation in ("Customer", "Multiple")
            and c.kind in wanted
        ]
        stand: dict[str, list[str]] = {}
        for c in sorted(open_ones, key=lambda c: c.id):
            stand.setdefault(c.company, [c.company]).append(f"{c.id} {c.relation}")
        marks = {
            company: xxhash.xxh3_64_intdigest("|".join(parts).encode()) for company, parts in stand.items()
        }
        return _Open(
            {c.id: c.company for c in contacts}, marks, {c.company_name.casefold() for c in open_ones}
        )

    def _candidates(self, names: set[str]) -> Iterator[tuple[str, bool]]:
        """Customers without a linked person, those named like an unknown company first: BC makes both with one name."""
        answered = {person.customer for person in self._persons if person.customer_name}
        customers = [
            c for c in self._bulk("customers", _CUSTOMER, ("id", "displayName")) if c.id not in answered
        ]
        customers.sort(key=lambda c: (c.name.casefold() not in names, c.id))
        return ((c.id, c.name.casefold() in names) for c in customers)

    def _bulk(self, name: str, kind: Fields[_T], select: tuple[str, ...]) -> Iterator[_T]:
        """Rows of a whole set in few fields; none where the set is not offered.

        A contact or customer that cannot be used here may hide a link, so it counts as one nobody can tell: nothing is buried then.
        """
        entity = self._reading.site.offer.entities.get(name)
        if entity is None:
            return
        known = self._reading.site.metadata
        fields = [field for field in select if known is None or known.has(entity.path, field)]
        for page in self._reading.pages.walk(
            self._reading.site.url(entity, Query(select=fields)), key=name, size=PageSize(20_000)
        ):
            for row in page.rows:
                found = kind.read(row)
                if found is not None and is_guid(found.id):
                    yield found
                elif select:
                    odd = (
                        row
                        if isinstance(row, DamagedRow)
                        else DamagedRow(bytes(row), f"a row of {name} does not tell whose it is")
                    )
                    self._odd.append(RawRecord(made_up_key(odd.received), odd.payload, None, odd.why))
