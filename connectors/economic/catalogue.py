"""What e-conomic has to read: each wire entity, which interface lists it, and what of it can be asked for.

The REST API has no list of contacts, lines, entries or dimensions; the OpenAPI services have none of groups, terms, layouts, currencies
and booked headers. [restdocs.e-conomic.com; apis.e-conomic.com]
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, timedelta, tzinfo
from typing import Literal

from connectors.toolkit.rows import RowShape
from sync_engine.records import Stream

Reader = Literal["dimensions", "self", "register", "changes", "customers", "invoices", "entries", "pairs"]
DIMENSION = 14
"""The module without which nobody reads dimensions."""
SERVICES = {
    "customers": "customersapi",
    "q2c": "q2capi",
    "booked_entries": "bookedEntriesapi",
    "dimensions": "dimensionsapi",
}
"""Name of a version in the settings -> name of the service in its address."""
_WIDE = timedelta(hours=3)
"""The OpenAPI names no zone with its stamps; Danish time is at most two hours ahead of UTC."""


@dataclass(frozen=True)
class Entity:
    """One stream. `service` is the setting that holds the version of an OpenAPI service; none is the REST API.

    `reader` is how it is read: partly made here, the agreement itself, a small register whole, by stamp of change, or by its own module.
    """

    stream: Stream
    reader: Reader
    path: str = ""
    keys: tuple[str, ...] = ()
    service: str = ""
    stamp: str | None = None
    zone: tzinfo | None = None
    prefix: str = ""
    module: int | None = None

    @property
    def name(self) -> str:
        """The wire entity."""
        return self.stream.entity

    @property
    def shape(self) -> RowShape:
        """Where a row's key and its stamp of change stand."""
        return RowShape(self.keys, modified=self.stamp, prefix=self.prefix, zone=self.zone)


def _listed(name: str, family: str, canonical: str) -> Stream:
    return Stream(name, family, canonical, has_cursor=False)


def _register(name: str, family: str, canonical: str, key: str, prefix: str = "") -> Entity:
    return Entity(_listed(name, family, canonical), "register", name.replace("_", "-"), (key,), prefix=prefix)


ENTITIES = (
    Entity(_listed("agreement", "debtors", "company"), "self", "self", ("agreementNumber",)),
    _register("currencies", "debtors", "reference", "code", "currency/"),
    _register("payment_terms", "debtors", "reference", "paymentTermsNumber", "terms/"),
    _register("layouts", "debtors", "reference", "layoutNumber", "layout/"),
    _register("employees", "debtors", "account_owner", "employeeNumber"),
    Entity(_listed("dimensions", "dimensions", "dimension"), "dimensions", "dimensions", ("number",), "dimensions"),
    _register("customer_groups", "dimensions", "dimension_value", "customerGroupNumber", "group/"),
    _register("departments", "dimensions", "dimension_value", "departmentNumber", "department/"),
    Entity(_listed("dimension_values", "dimensions", "dimension_value"), "register", "values", ("dimensionNumber", "key"), "dimensions",
           module=DIMENSION),
    Entity(Stream("customers", "debtors", "debtor", keys_are_numbers=True), "customers", "customers", ("customerNumber",), stamp="lastUpdated"),
    Entity(Stream("contacts", "contacts", "contact", overlap=_WIDE), "changes", "Contacts", ("number",), "customers", stamp="lastUpdated", zone=UTC),
    Entity(Stream("invoices", "documents", "document"), "invoices", "invoices/booked", ("bookedInvoiceNumber",)),
    Entity(Stream("entries", "payments", "ledger_entry"), "entries", "booked-entries", ("entryNumber",), "booked_entries"),
    Entity(_listed("matched_pairs", "payments", "application"), "pairs", "booked-entries/matched-pairs", ("fromEntry", "toEntry"),
           "booked_entries"),
)  # fmt: skip
"""Parents before children."""
