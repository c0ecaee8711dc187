"""Each protection against a known trap, taken away: the test of that trap must fail, or it proves nothing.

Where nothing can be taken away, because the trap is avoided by how things are built and not by a piece of code, the table says how.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Annotated, Any, get_type_hints

import msgspec
import pytest

from connectors.business_central import client as protocol
from connectors.business_central import (
    connector,
    contacts,
    control_totals,
    discovery,
    installation,
    ledger,
    ledger_changes,
    reading,
)
from connectors.business_central.catalogue import Entity
from connectors.business_central.connector import BusinessCentral
from connectors.business_central.urls import Addresses
from connectors.toolkit import pagination
from connectors.toolkit import rows as raw_rows
from connectors.toolkit.auth.entra import EntraLogin
from connectors.toolkit.http.client import HttpClient
from connectors.toolkit.odata import pages, query
from mappings.business_central import documents, masterdata, parties
from mappings.business_central import ledger as entries
from mappings.toolkit import rows as payloads
from mappings.toolkit import rules
from mappings.toolkit.fields import Key, Text, wire
from mappings.toolkit.shapes import Shape, keep
from sync_engine.errors import SyncError
from tests.connectors import test_tricky_cases, test_tricky_cases_from_20
from tests.simulators.business_central.tricky_cases import TRICKY_CASES

Patch = pytest.MonkeyPatch
Removal = Callable[[Patch], None]


def says_anything(module: Any, model: str, *columns: str) -> Removal:
    """Columns of a mapping model that take what comes, without trimming, decoding or knowing blanks."""

    def remove(patch: Patch) -> None:
        for column in columns:
            annotations = getattr(module, model).__annotations__
            wired = next(
                part
                for part in get_type_hints(getattr(module, model), include_extras=True)[column].__metadata__
                if hasattr(part, "alias")
            )
            patch.setitem(annotations, column, Annotated[Any, wired])

    return remove


def named_otherwise(module: Any, model: str, column: str, name: str, kind: Any) -> Removal:
    """A column that is read from another field."""
    return lambda patch: patch.setitem(
        getattr(module, model).__annotations__, column, Annotated[kind, wire(name)]
    )


def without(module: Any, model: str, column: str) -> Removal:
    """A model without a column."""
    return lambda patch: patch.delitem(getattr(module, model).__annotations__, column)


def replaced(target: Any, name: str, by: Any) -> Removal:
    """Another function, or value, in its place."""
    return lambda patch: patch.setattr(target, name, by)


def keyed_by(entity: str, *fields: str) -> Removal:
    """An entity keyed by something people change."""
    fitted = discovery.Discovery._fitted

    def other(self: discovery.Discovery, plain: Entity) -> Entity:
        found = fitted(self, plain)
        return replace(found, keys=fields) if found.name == entity else found

    return replaced(discovery.Discovery, "_fitted", other)


def addressed_by_name(patch: Patch) -> None:
    """URLs with the company's name in them, as it was when we looked."""
    by_id: cached_property[installation.Company] = vars(installation.Installation)["company"]

    def named(self: installation.Installation) -> installation.Company:
        found = by_id.func(self)
        return msgspec.structs.replace(found, id=found.name)

    other = cached_property(named)
    other.__set_name__(installation.Installation, "company")
    patch.setattr(installation.Installation, "company", other)


def flat_links(patch: Patch) -> None:
    """contactsInformation asked without a customer."""
    patch.setattr(
        contacts.ContactsInformation, "pull", lambda self, in_vain: self._reading.pull(self._entity, None)
    )


def compared_as_text(self: raw_rows.RowShape, rows: Sequence[msgspec.Raw]) -> raw_rows.Rows:
    """The latest stamp is the last one of the alphabet."""
    last = max(msgspec.json.decode(row, type=dict[str, str])["at"] for row in rows)
    return raw_rows.Rows([], datetime.fromisoformat(last).astimezone(UTC), 0)


def asked_of_a_replica(patch: Patch) -> None:
    """Reads that may be served by a copy."""
    get = HttpClient._send

    def lagging(self: HttpClient, url: str, key: str, headers: dict[str, str], *sent: Any) -> Any:
        return get(self, url, key, {**headers, "Data-Access-Intent": "ReadOnly"}, *sent)

    patch.setattr(HttpClient, "_send", lagging)


def never(*_: Any, **__: Any) -> None:
    """Does nothing."""


class Unlike(Exception):
    """No failure is one of these."""


def only_new_entries(patch: Patch) -> None:
    """Neither the open entries nor those that were open are asked for again, only the highest numbers."""
    where = reading.Reading.where

    def fewer(
        self: reading.Reading, entity: Entity, condition: str = "", *, select: Sequence[str] = ()
    ) -> Any:
        return iter(()) if condition.startswith("Open eq") else where(self, entity, condition, select=select)

    patch.setattr(reading.Reading, "where", fewer)
    patch.setattr(ledger, "unpack", lambda text: set())
    patch.setattr(ledger, "_NUMBERS_BACK", 0)


def every_value_is_one(patch: Patch) -> None:
    """The type of a dimension value is taken as it comes."""
    patch.setitem(masterdata.SHAPES, "financeDimensionValues", Shape(masterdata.FinanceDimensionValue, keep))


def circles_are_not_seen(patch: Patch) -> None:
    """Neither a link nor a page that comes again is noticed."""
    patch.setattr(pagination._Guard, "link", never)
    patch.setattr(pagination._Guard, "page", never)


def nobody_moved(self: ledger_changes.LedgerChanges, mark: Any) -> Any:
    """Detailed entries are not looked at."""
    return set(), mark


GUARDS: dict[int, tuple[Removal, ...] | str] = {
    1: (says_anything(parties, "Customer", "payment_terms_key"),),
    2: (
        says_anything(documents, "Invoice", "promised_date"),
        replaced(raw_rows, "_NO_STAMP", datetime(1, 1, 1, tzinfo=UTC)),
    ),
    3: (says_anything(parties, "Customer", "email", "phone"),),
    4: (replaced(parties, "choose", never), replaced(documents, "member", lambda text: text or None)),
    5: (says_anything(entries, "PageEntry", "currency"),),
    6: "a currency is text on every record and never a key into the list of currencies",
    7: (replaced(ledger_changes.LedgerChanges, "moved", nobody_moved), only_new_entries),
    8: (replaced(documents, "erp_status", lambda status, row: "open"),),
    9: (
        replaced(documents, "POSTED", documents.POSTED | {"Open"}),
        replaced(documents, "UNPOSTED", frozenset()),
    ),
    10: (keyed_by("salesInvoices", "number"),),
    11: (named_otherwise(documents, "Invoice", "debtor_key", "customerId", Key),),
    12: "no wire entity reads the payment journal: there is nothing to leave out",
    13: (flat_links,),
    14: (
        replaced(contacts.ContactsInformation, "_candidates", lambda self, names: iter(())),
        named_otherwise(parties, "CustomerContact", "customer_name", "firstName", Text),
    ),
    15: (
        replaced(rules, "_normal", lambda title: title),
        named_otherwise(parties, "Contact", "title", "searchName", Text),
    ),
    16: (keyed_by("dimensionValues", "code"),),
    17: (says_anything(masterdata, "DefaultDimension", "dimension_value_key"), every_value_is_one),
    18: (keyed_by("customers", "number"),),
    19: (addressed_by_name,),
    20: (circles_are_not_seen, replaced(EntraLogin, "renew", lambda self, refused: False)),
    21: (replaced(raw_rows.RowShape, "read", compared_as_text),),
    22: (replaced(contacts, "NotFound", Unlike),),
    23: (
        replaced(protocol, "passes", lambda refusal: False),
        replaced(HttpClient, "_worth", lambda self, failure, at_once: False),
    ),
    24: (replaced(control_totals, "_NOBODY", "nobody"),),
    25: (
        replaced(reading._WithoutLines, "fits", lambda self, refusal, url: False),
        replaced(pagination.PageSize, "shrink", lambda self: False),
        replaced(entries, "exclude", never),
    ),
    26: (without(parties, "Contact", "privacy_blocked"),),
    27: (replaced(rules, "addresses", lambda text: [text]),),
    28: (replaced(payloads, "has_long_number", lambda payload: False),),
    29: "reading has one verb, GET, and no address ends in $batch: there is none to send",
    30: (asked_of_a_replica,),
    31: (replaced(installation.Installation, "enter", never),),
    32: (replaced(connector, "explained", lambda refusal, settings, source: refusal),),
    33: (replaced(discovery, "_ROUTES", {"invoices": ()}),),
    34: (replaced(ledger._Seen, "cursor", never),),
    35: (replaced(reading, "instant", lambda moment: query.instant(moment + timedelta(minutes=15))),),
    36: (
        replaced(pages.Pages, "resolve", lambda self, page: page.next),
        replaced(BusinessCentral, "count", never),
    ),
    37: "no mapping model has a column for the etag, so it never reaches a draft",
    38: (says_anything(masterdata, "DefaultDimension", "debtor_key"),),
}
CASES = {
    int(name.split("_")[2]): test
    for cases in (test_tricky_cases, test_tricky_cases_from_20)
    for name, test in vars(cases).items()
    if name.startswith("test_case_")
}
REMOVALS = [
    (number, place)
    for number, guards in GUARDS.items()
    if not isinstance(guards, str)
    for place in range(len(guards))
]


@pytest.mark.parametrize(
    ("number", "place"), REMOVALS, ids=[f"case {number:02d} guard {place + 1}" for number, place in REMOVALS]
)
def test_without_its_guard_the_trap_springs(number: int, place: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test of the case fails, one way or another."""
    guards = GUARDS[number]
    assert not isinstance(guards, str)
    guards[place](monkeypatch)
    with sprung():
        CASES[number](monkeypatch)


@contextmanager
def sprung() -> Iterator[None]:
    """An assertion, a record that is not there, or an error of ours: anything but silence."""
    try:
        yield
    except (AssertionError, KeyError, SyncError, pytest.fail.Exception):
        return  # an AttributeError or TypeError would be a mistake in the removal
    pytest.fail("the test of the case passes without its guard")


def test_every_trap_has_a_guard_or_a_reason() -> None:
    """The table is whole, and a reason is a sentence."""
    assert GUARDS.keys() == TRICKY_CASES.keys() == CASES.keys()
    assert all(len(reason.split()) > 6 for reason in GUARDS.values() if isinstance(reason, str))


def test_the_cases_hold_with_their_guards(monkeypatch: pytest.MonkeyPatch) -> None:
    """A patch that breaks every test would prove anything: the plainest cases pass here, unpatched."""
    for number in (1, 2, 3, 8, 27, 28, 38):
        CASES[number](monkeypatch)
    assert Addresses("https://host/BC", "C").v2("customers").endswith("/companies(C)/customers")
