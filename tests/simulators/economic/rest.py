"""The older interface, restapi.e-conomic.com: pages by number, at most a thousand rows, and only what is marked may be filtered by."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import httpx

from tests.simulators.economic.books import RECEIVABLES, Books, Row
from tests.simulators.economic.errors import rest
from tests.simulators.economic.query import BadFilter, Field, compiled, ordered, value_at

HOST = "https://restapi.e-conomic.com"
MOST = 1000
CUSTOMER = (
    "address", "balance", "barred", "city", "corporateIdentificationNumber", "country", "creditLimit", "currency", "customerNumber", "ean",
    "email", "lastUpdated", "name", "publicEntryNumber", "telephoneAndFaxNumber", "mobilePhone", "website", "zip",
    "customerGroup.customerGroupNumber", "pNumber",
)  # fmt: skip
BOOKED = (
    "bookedInvoiceNumber", "date", "currency", "exchangeRate", "customer.customerNumber", "paymentTerms.paymentTermsNumber",
    "recipient.name", "references.other",
)  # fmt: skip
FILTERS: dict[str, tuple[str, ...]] = {
    "customers": CUSTOMER,
    "invoices/booked": BOOKED,
    "customer-groups": ("name", "customerGroupNumber"),
    "employees": ("employeeNumber", "name"),
    "departments": ("departmentNumber", "name", "barred"),
    "departmental-distributions": ("departmentalDistributionNumber", "name"),
    "accounting-years": ("year", "fromDate", "toDate"),
}
"""What the server really filters by; the other lists by nothing."""


def _said(**values: Any) -> Row:
    """A row without what nobody wrote: the interface leaves it out."""
    return {name: value for name, value in values.items() if value is not None}


def _link(path: str) -> str:
    return f"{HOST}/{path}"


class Rest:
    """Answers GET requests about the books."""

    def __init__(self, books: Books) -> None:
        self.books = books

    def answer(self, path: str, asked: httpx.QueryParams) -> Any:
        """The body for a path. Raises Answered."""
        match path.split("/"):
            case ["self"]:
                return self._self()
            case ["invoices", "totals", "booked", "unpaid"]:
                return self._unpaid()
            case ["customers", number]:
                return self._one(self.books.customers, number, self._customer)
            case ["invoices", "booked", number]:
                return self._one(self.books.invoices, number, self._booked_with_lines)
            case ["accounting-years", year, "totals"]:
                return self._page(path, self._totals(year), asked)
        if path not in LISTS:
            raise rest(404, "Resource not found.")
        return self._page(path, list(LISTS[path](self)), asked)

    def _one(self, table: dict[int, Row], number: str, shown: Callable[[Row], Row]) -> Row:
        if not number.isdigit() or int(number) not in table:
            raise rest(404, "Resource not found.", "E06000")
        return shown(table[int(number)])

    def _page(self, path: str, rows: list[Row], asked: httpx.QueryParams) -> Row:
        """One page. The answer to a filter that may not be is a list of sentences, and of what may be filtered by."""
        allowed = FILTERS.get(path, ())
        text, sort = asked.get("filter", ""), asked.get("sort", "")
        size, skipped = self._number(asked, "pagesize", 20), self._number(asked, "skippages", 0)
        if size > MOST:
            raise rest(400, f"Page size can not be larger than {MOST}.", "E04810")
        fields = {name: Field(value_at(name)) for name in allowed}
        try:
            found = [row for row in rows if compiled(text, fields)(row)] if text else rows
            found = ordered(found, sort, lambda name: name in allowed)
        except BadFilter as bad:
            raise rest(
                400,
                "Could not parse query string filter.",
                errors=[str(bad)],
                allowedFilteringFields=list(allowed),
            ) from None
        return self._envelope(path, found, len(rows), size, skipped, text, sort)

    def _number(self, asked: httpx.QueryParams, name: str, default: int) -> int:
        text = asked.get(name, str(default))
        if not text.isdigit():
            raise rest(400, f"{name} is no number.")
        return int(text)

    def _envelope(
        self, path: str, found: list[Row], known: int, size: int, skipped: int, text: str, sort: str
    ) -> Row:
        def page(number: int) -> str:
            query = "".join(
                f"&{name}={quote(value, safe='')}"
                for name, value in (("filter", text), ("sort", sort))
                if value
            )
            return f"{HOST}/{path}?skippages={number}&pagesize={size}{query}"

        paging: Row = {
            "maxPageSizeAllowed": MOST,
            "skipPages": skipped,
            "pageSize": size,
            "results": len(found),
            "resultsWithoutFilter": known,
        }
        if not found:
            paging["developerHint"] = "Pagination links are suppressed when there are no results."
        else:
            last = (len(found) - 1) // size
            paging |= {"firstPage": page(0), "lastPage": page(last)}
            if skipped:
                paging["previousPage"] = page(skipped - 1)
            if skipped < last:
                paging["nextPage"] = page(skipped + 1)
        rows = found[skipped * size : (skipped + 1) * size]
        return {"collection": rows, "metaData": {}, "pagination": paging, "self": _link(path)}

    # The rows

    def _self(self) -> Row:
        books = self.books
        return {
            "agreementNumber": 1234567,
            "userName": "API",
            "company": {"name": "HANSEN & SØN's A/S", "country": "Danmark", "companyIdentificationNumber": "12345678", "city": "Århus"},
            "settings": {"baseCurrency": books.base},
            "application": {"appNumber": 7, "name": "sync", "requiredRoles": [], "self": _link("self")},
            "modules": [
                {"moduleNumber": number, "name": name, "self": _link(f"modules/{number}")}
                for number, name in sorted(books.modules.items())
            ],
            "self": _link("self"),
        }  # fmt: skip

    def _customer(self, row: Row) -> Row:
        number = row["number"]
        balance = self.books.balance(number)
        overdue = [e for e in self.books.open_entries(number) if (e["due"] or "") <= str(self.books.today())]
        return _said(
            customerNumber=number,
            currency=row["currency"],
            paymentTerms={"paymentTermsNumber": row["terms"], "self": _link(f"payment-terms/{row['terms']}")},
            customerGroup={
                "customerGroupNumber": row["group"],
                "self": _link(f"customer-groups/{row['group']}"),
            },
            address=row["address"],
            balance=balance,
            dueAmount=sum((e["remainder"] for e in overdue), Decimal(0)),
            barred=True if row["barred"] else None,
            corporateIdentificationNumber=row["cvr"],
            vatNumber=row["vat_number"],
            ean=row["ean"],
            city=row["city"],
            country=row["country"],
            email=row["email"],
            name=row["name"],
            zip=row["zip"],
            website=row["website"],
            creditLimit=row["credit_limit"],
            telephoneAndFaxNumber=row["phone"],
            mobilePhone=row["mobile"],
            vatZone={"vatZoneNumber": row["vat_zone"], "self": _link(f"vat-zones/{row['vat_zone']}")},
            layout={"layoutNumber": row["layout"], "self": _link(f"layouts/{row['layout']}")},
            salesPerson=self._employee_of(row["sales_person"]),
            lastUpdated=row["last_updated"],
            eInvoicingDisabledByDefault=False,
            contacts=_link(f"customers/{number}/contacts"),
            self=_link(f"customers/{number}"),
        )

    def _employee_of(self, number: int | None) -> Row | None:
        return number and {"employeeNumber": number, "self": _link(f"employees/{number}")}  # type: ignore[return-value]

    def _booked(self, row: Row) -> Row:
        number, books = row["number"], self.books
        rate = row["rate"]
        terms = books.terms[row["terms"]]
        references = _said(
            salesPerson=self._employee_of(row["sales_person"]),
            vendorReference=self._employee_of(row["vendor"]),
            other=row["other"],
        )
        return _said(
            bookedInvoiceNumber=number,
            date=row["date"],
            currency=row["currency"],
            exchangeRate=rate,
            netAmount=row["net"],
            netAmountInBaseCurrency=round(row["net"] * rate / 100, 2),
            grossAmount=row["gross"],
            grossAmountInBaseCurrency=round(row["gross"] * rate / 100, 2),
            vatAmount=row["vat"],
            roundingAmount=Decimal(0),
            remainder=books.remainder(row),
            remainderInBaseCurrency=books.remainder_base(row),
            dueDate=row["due"],
            paymentTerms={
                "paymentTermsNumber": row["terms"],
                "daysOfCredit": terms["days"],
                "name": terms["name"],
                "paymentTermsType": terms["type"],
                "self": _link(f"payment-terms/{row['terms']}"),
            },
            customer={"customerNumber": row["customer"], "self": _link(f"customers/{row['customer']}")},
            recipient=row["recipient"] | {"vatZone": {"vatZoneNumber": 1, "self": _link("vat-zones/1")}},
            notes={"heading": row["heading"]},
            references=references or None,
            layout={"layoutNumber": 19, "self": _link("layouts/19")},
            pdf={"download": _link(f"invoices/booked/{number}/pdf")},
            sent=_link(f"invoices/booked/{number}/sent"),
            self=_link(f"invoices/booked/{number}"),
        )

    def _booked_with_lines(self, row: Row) -> Row:
        lines = [
            _said(
                lineNumber=line["number"], sortKey=line["number"], description=line["description"], quantity=line["quantity"],
                unitNetPrice=line["price"], discountPercentage=Decimal(0), vatRate=Decimal(25), vatAmount=line["vat"],
                totalNetAmount=line["net"], product={"productNumber": line["product"], "self": _link(f"products/{quote(line['product'])}")},
            )
            for line in row["lines"]
        ]  # fmt: skip
        return self._booked(row) | {"lines": lines}

    def _unpaid(self) -> Row:
        unpaid = [row for row in self.books.invoices.values() if self.books.remainder(row)]
        days = sorted(row["date"] for row in unpaid)
        figures = _said(
            invoiceCount=len(unpaid),
            grossRemainderInBaseCurrency=sum((self.books.remainder_base(row) for row in unpaid), Decimal(0)),
            minDate=days[0] if days else None,
            maxDate=days[-1] if days else None,
        )
        return figures | {"self": _link("invoices/totals/booked/unpaid")}

    def _years(self) -> Iterable[Row]:
        years = sorted(
            {row["date"][:4] for row in self.books.entries.values()} | {str(self.books.today().year)}
        )
        for year in years:
            yield {
                "year": year, "fromDate": f"{year}-01-01", "toDate": f"{year}-12-31", "closed": False,
                "totals": _link(f"accounting-years/{year}/totals"), "self": _link(f"accounting-years/{year}"),
            }  # fmt: skip

    def _totals(self, year: str) -> list[Row]:
        """What an account holds at the end of a year: what it brought along, and what was booked in it."""
        rows = [row for row in self.books.entries.values() if row["date"][:4] <= year]
        return [
            {
                "account": {"accountNumber": account, "self": _link(f"accounts/{account}")},
                "totalInBaseCurrency": sum((row["base"] for row in rows if row["account"] == account), Decimal(0)),
                "fromDate": f"{year}-01-01", "toDate": f"{year}-12-31", "self": _link(f"accounting-years/{year}/totals"),
            }
            for account in sorted({row["account"] for row in rows})
        ]  # fmt: skip

    def _groups(self) -> Iterable[Row]:
        for number, row in sorted(self.books.groups.items()):
            account = {
                "accountNumber": row["account"], "accountType": "status", "balance": self.books.account_balance(row["account"]),
                "blockDirectEntries": True, "debitCredit": "debit", "name": f"Debitorer {row['account'] - RECEIVABLES}",
                "self": _link(f"accounts/{row['account']}"),
            }  # fmt: skip
            yield {
                "customerGroupNumber": number, "name": row["name"], "account": account,
                "customers": _link(f"customer-groups/{number}/customers"), "self": _link(f"customer-groups/{number}"),
            }  # fmt: skip

    def _terms(self) -> Iterable[Row]:
        for number, row in sorted(self.books.terms.items()):
            yield {
                "paymentTermsNumber": number, "daysOfCredit": row["days"], "name": row["name"], "paymentTermsType": row["type"],
                "self": _link(f"payment-terms/{number}"),
            }  # fmt: skip

    def _layouts(self) -> Iterable[Row]:
        for number, row in sorted(self.books.layouts.items()):
            yield {"layoutNumber": number, "name": row["name"], "self": _link(f"layouts/{number}")}

    def _currencies(self) -> Iterable[Row]:
        for code in sorted(self.books.rates):
            yield {
                "code": code,
                "name": f"Valuta {code}",
                "isoNumber": code,
                "self": _link(f"currencies/{code}"),
            }

    def _employees(self) -> Iterable[Row]:
        for number, row in sorted(self.books.employees.items()):
            group = {"employeeGroupNumber": 1, "self": _link("employee-groups/1")}
            yield {
                "employeeNumber": number, "employeeGroup": group, "name": row["name"], "email": row["email"],
                "self": _link(f"employees/{number}"),
            }  # fmt: skip

    def _departments(self) -> Iterable[Row]:
        for number, row in sorted(self.books.departments.items()):
            yield _said(
                departmentNumber=number,
                name=row["name"],
                barred=True if row["barred"] else None,
                self=_link(f"departments/{number}"),
            )

    def _distributions(self) -> Iterable[Row]:
        for number, row in sorted(self.books.distributions.items()):
            shares = [
                {"percentage": share, "department": {"departmentNumber": department, "self": _link(f"departments/{department}")}}
                for department, share in row["shares"].items()
            ]  # fmt: skip
            yield {
                "departmentalDistributionNumber": number, "name": row["name"], "barred": False,
                "distributionType": "department" if len(shares) == 1 else "distribution", "distributions": shares,
                "self": _link(f"departmental-distributions/{number}"),
            }  # fmt: skip

    def _customers(self) -> Iterable[Row]:
        return (self._customer(row) for _, row in sorted(self.books.customers.items()))

    def _invoices(self) -> Iterable[Row]:
        return (self._booked(row) for _, row in sorted(self.books.invoices.items()))


LISTS: dict[str, Callable[[Rest], Iterable[Row]]] = {
    "customers": Rest._customers,
    "customer-groups": Rest._groups,
    "payment-terms": Rest._terms,
    "layouts": Rest._layouts,
    "currencies": Rest._currencies,
    "employees": Rest._employees,
    "departments": Rest._departments,
    "departmental-distributions": Rest._distributions,
    "invoices/booked": Rest._invoices,
    "accounting-years": Rest._years,
}
