"""The newer interface, apis.e-conomic.com: services of versions of their own, a cursor that is the first key of the next set."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

import httpx

from tests.simulators.economic.books import DIMENSION_MODULE, Books, Row
from tests.simulators.economic.errors import Answered, problem
from tests.simulators.economic.query import BadFilter, Field, Test, compiled, value_at

MOST = 1000
VERSIONS = {
    "customersapi": "3.1.0",
    "q2capi": "5.3.0",
    "bookedEntriesapi": "4.0.0",
    "dimensionsapi": "5.3.1",
}
_ORDERED = frozenset({"eq", "ne", "lt", "lte", "gt", "gte"})
_NUMBERS = _ORDERED | {"in", "nin"}
_NAMES = _NUMBERS | {"like"}


class Listed(NamedTuple):
    """A resource: what its key is, what may be filtered by, and which module it needs."""

    rows: Callable[[OpenApi], Iterable[Row]]
    key: tuple[str, ...]
    filters: Mapping[str, frozenset[str]]
    counts: bool = True
    module: int | None = None


def _day(day: str | None) -> str | None:
    """A business date as this interface writes it: at midnight, of no zone."""
    return day and f"{day}T00:00:00"


class OpenApi:
    """Answers GET requests about the books."""

    def __init__(self, books: Books, most: int = MOST) -> None:
        self.books, self.most = books, most
        self.versions = dict(VERSIONS)

    def answer(self, path: str, asked: httpx.QueryParams) -> Any:
        """The body for a path. Raises Answered."""
        service, _, rest = path.partition("/")
        if service in self.versions and rest == "redoc.html":
            page = f'<!DOCTYPE html><html><script>{{"openapi":"3.0.1","info":{{"version":"{self.versions[service]}"}}}}</script></html>'
            raise Answered(200, page, "text/html")
        version, _, resource = rest.partition("/")
        if service not in self.versions or version != f"v{self.versions[service]}":
            raise problem(404, "Resource not found.", "ResourceNotFound")
        resource, _, kind = resource.partition("/count")
        is_count = path.endswith("/count")
        listed = RESOURCES.get((service, resource))
        if listed is None or kind or (is_count and not listed.counts):
            raise problem(404, "Resource not found.", "ResourceNotFound")
        if listed.module is not None and listed.module not in self.books.modules:
            raise problem(
                403,
                "Access denied.",
                "AccessDeniedAgreementMissingModules",
                "The agreement lacks the Dimension module.",
            )
        rows = self._filtered(listed, asked.get("filter", ""))
        return len(rows) if is_count else self._set(listed, rows, asked.get("cursor", ""))

    def _filtered(self, listed: Listed, text: str) -> list[Row]:
        fields = {name: Field(value_at(name), allowed) for name, allowed in listed.filters.items()}
        try:
            test: Test = compiled(text, fields)
            return [row for row in listed.rows(self) if test(row)]
        except BadFilter as bad:
            error = {"message": str(bad), "errorCode": "BadFilterRequest", "property": bad.field or None}
            raise problem(400, "Bad filter.", "BadFilterRequest", str(bad), [error]) from None

    def _set(self, listed: Listed, rows: list[Row], cursor: str) -> Row:
        """At most a thousand; the cursor is the key of the first row of the next set, and absent behind the last."""
        keyed = sorted((tuple(row[part] for part in listed.key), row) for row in rows) if rows else []
        if cursor:
            try:
                first = tuple(int(part) for part in cursor.split("_"))
            except ValueError:
                raise problem(400, "Bad cursor.", "BadCursor") from None
            keyed = [pair for pair in keyed if pair[0] >= first]
        found: Row = {"items": [row for _, row in keyed[: self.most]]}
        if len(keyed) > self.most:
            found["cursor"] = "_".join(map(str, keyed[self.most][0]))
        return found

    def _contacts(self) -> Iterable[Row]:
        for row in self.books.contacts.values():
            yield {
                "number": row["number"], "customerNumber": row["customer"], "userInterfaceNumber": row["shown"], "name": row["name"],
                "email": row["email"], "phone": row["phone"], "notes": row["notes"], "eInvoiceId": None,
                "lastUpdated": row["last_updated"].removesuffix("Z"), "receiveInvoices": True, "receiveReminders": False,
                "isDeleted": row["deleted"], "active": row["active"], "objectVersion": str(row["number"]),
            }  # fmt: skip

    def _customers(self) -> Iterable[Row]:
        for number, row in self.books.customers.items():
            yield {
                "customerNumber": number, "customerGroupNumber": row["group"], "name": row["name"], "currency": row["currency"],
                "access": not row["barred"],
            }  # fmt: skip

    def _lines(self) -> Iterable[Row]:
        for number, invoice in self.books.invoices.items():
            for line in invoice["lines"]:
                yield {
                    "documentId": number, "number": line["number"], "userInterfaceNumber": line["number"], "productNumber": line["product"],
                    "description": line["description"], "quantity": line["quantity"], "unitNumber": line["unit"],
                    "unitNetPrice": line["price"], "unitCostPrice": Decimal(0), "discountPercentage": Decimal(0),
                    "departmentNumber": line["department"], "vatRate": Decimal(25), "vatAmount": line["vat"], "totalNetAmount": line["net"],
                    "bookedAccount": 1010, "accrue": False,
                }  # fmt: skip

    def _entries(self) -> Iterable[Row]:
        for number, row in self.books.entries.items():
            yield {
                "entryNumber": number, "accountNumber": row["account"], "projectNumber": None, "amount": row["amount"],
                "amountInBaseCurrency": row["base"], "currencyCode": row["currency"], "date": _day(row["date"]), "dueDate": _day(row["due"]),
                "text": row["text"], "type": row["type"], "vatAccountNumber": None, "voucherNumber": row["voucher"],
                "customerNumber": row["customer"], "customerInvoiceNumber": row["invoice"], "supplierNumber": None,
                "supplierInvoiceNumber": None, "remainder": row["remainder"], "objectVersion": f"{number}",
            }  # fmt: skip

    def _pairs(self) -> Iterable[Row]:
        for paying, owing in self.books.matched:
            one, other = self.books.entries[paying], self.books.entries[owing]
            yield {
                "fromEntry": paying, "fromEntryDate": _day(one["date"]), "fromEntryAmount": one["amount"], "fromEntryAmountDKK": one["base"],
                "toEntry": owing, "toEntryDate": _day(other["date"]), "toEntryAmount": other["amount"], "toEntryAmountDKK": other["base"],
            }  # fmt: skip

    def _dimensions(self) -> Iterable[Row]:
        for number, row in self.books.dimensions.items():
            yield {"number": number, "name": row["name"], "active": row["active"], "objectVersion": "1"}

    def _values(self) -> Iterable[Row]:
        for (dimension, key), row in self.books.values.items():
            yield {"dimensionNumber": dimension, "key": key, "name": row["name"], "active": row["active"], "objectVersion": "1"}  # fmt: skip

    def _line_dimensions(self) -> Iterable[Row]:
        for number, invoice in self.books.invoices.items():
            for line in invoice["lines"]:
                for dimension, key in line["dimensions"]:
                    yield {
                        "invoiceNumber": number, "lineNumber": line["number"], "dimensionNumber": dimension, "dimensionKey": key,
                        "isDistribution": False, "objectVersion": "1",
                    }  # fmt: skip


def _numbers(*names: str) -> dict[str, frozenset[str]]:
    return dict.fromkeys(names, _NUMBERS)


RESOURCES: dict[tuple[str, str], Listed] = {
    ("customersapi", "Contacts"): Listed(
        OpenApi._contacts,
        ("number",),
        _numbers("number", "customerNumber")
        | dict.fromkeys(("name", "email"), _NAMES)
        | dict.fromkeys(("lastUpdated", "isDeleted", "active"), _ORDERED),
    ),
    ("customersapi", "Customers"): Listed(
        OpenApi._customers, ("customerNumber",), _numbers("customerNumber")
    ),
    ("q2capi", "invoices/booked/lines"): Listed(
        OpenApi._lines, ("documentId", "number"), _numbers("documentId", "number", "productNumber")
    ),
    ("bookedEntriesapi", "booked-entries"): Listed(
        OpenApi._entries,
        ("entryNumber",),
        _numbers("entryNumber", "accountNumber", "customerNumber", "customerInvoiceNumber", "remainder", "currencyCode", "voucherNumber")
        | dict.fromkeys(("amount", "date", "dueDate"), _ORDERED)
        | {"type": frozenset({"eq", "ne"})},
    ),
    ("bookedEntriesapi", "booked-entries/matched-pairs"): Listed(
        OpenApi._pairs, ("fromEntry", "toEntry"), _numbers("fromEntry", "toEntry"), counts=False
    ),
    ("dimensionsapi", "dimensions"): Listed(
        OpenApi._dimensions, ("number",), _numbers("number"), module=DIMENSION_MODULE
    ),
    ("dimensionsapi", "values"): Listed(
        OpenApi._values, ("dimensionNumber", "key"), _numbers("dimensionNumber", "key"), module=DIMENSION_MODULE
    ),
    ("dimensionsapi", "dimension-data/booked-invoice-lines"): Listed(
        OpenApi._line_dimensions,
        ("invoiceNumber", "lineNumber", "dimensionNumber"),
        _numbers("invoiceNumber", "lineNumber", "dimensionNumber", "dimensionKey"),
        module=DIMENSION_MODULE,
    ),
}  # fmt: skip
