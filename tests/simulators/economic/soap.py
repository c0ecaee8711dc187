"""The oldest interface, api.e-conomic.com: SOAP 1.1 over the same books, sessions in a cookie, faults in Danish."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Any

from lxml import etree

from tests.simulators.economic.books import DIMENSION_MODULE, FOREIGN_RECEIVABLES, RECEIVABLES, Books, Row

HOST, PATH = "api.e-conomic.com", "secure/api1/EconomicWebService.asmx"
SPACE, ENVELOPE = "http://e-conomic.com", "http://schemas.xmlsoap.org/soap/envelope/"
NIL = object()
"""A value that is said to be none, which is another thing than one left out."""
ENTRY_TYPES = {
    1: "DebtorInvoice", 2: "DebtorPayment", 3: "CreditorInvoice", 4: "CreditorPayment", 5: "JournalEntry", 6: "Reminder",
    7: "OpeningEntry", 8: "TransferredOpeningEntry", 9: "SystemEntry", 10: "ManualDebtorInvoice",
}  # fmt: skip
AGREEMENT, USER, PASSWORD = 1234567, "ÅSE", "smør & brød"
Items = list[tuple[str, Any]]


class Refused(Exception):
    """A fault, with the name of the exception behind it and what it is told about."""

    def __init__(self, kind: str, code: str, text: str, whose: str = "soap:Client") -> None:
        super().__init__(kind, code)
        self.code, self.whose = code, whose
        self.text = f"Economic.Api.Exceptions.{kind}Exception({code}): {text} (id=0b2e1f3a-7c11-4c9f-8a50-2f51d1d6a001)"


def not_logged_in() -> Refused:
    """What a call without a session is told."""
    return Refused("Authentication", "E02250", "Ikke logget ind - kunne ikke finde authenticationContext")


class Soap:
    """Answers calls about the books. `sessions` are the cookies that are known; `calls` the operations so far, logins too."""

    def __init__(self, books: Books) -> None:
        self.books, self.sessions, self.calls = books, set[str](), list[str]()
        self.schema: etree.XMLSchema | None = None
        """The types of the vendor's WSDL; with them every request and every answer is held against it."""
        self.faults: list[Callable[[str, Row], Refused | None]] = []
        """Look at an operation and its arguments first; what one of them gives is the answer."""
        self._last = 0

    def answer(
        self, body: bytes, session: str, identifier: str, open_to: tuple[str, str]
    ) -> tuple[int, bytes, str]:
        """Status, envelope, and the cookie of a session that was opened."""
        asked = etree.fromstring(body)[0][0]
        operation = etree.QName(asked).localname
        self.calls.append(operation)
        self._check(asked)
        cookie = ""
        try:
            given = {etree.QName(child).localname: _said(child) for child in asked}
            for fault in self.faults:
                if (refused := fault(operation, given)) is not None:
                    raise refused
            if operation in ("Connect", "ConnectWithToken"):
                cookie, result = self._opened(given, identifier, open_to), f"{AGREEMENT}"
            elif session not in self.sessions:
                raise not_logged_in()
            else:
                result = OPERATIONS[operation](self, given)
            response = etree.Element(f"{{{SPACE}}}{operation}Response", nsmap={None: SPACE})
            if result is not None:
                _write(response, f"{operation}Result", result)
            self._check(response)
            return 200, _enveloped(response), cookie
        except Refused as refused:
            fault_element = etree.Element(f"{{{ENVELOPE}}}Fault")
            etree.SubElement(fault_element, "faultcode").text = refused.whose
            etree.SubElement(fault_element, "faultstring").text = refused.text
            etree.SubElement(fault_element, "detail")
            return 500, _enveloped(fault_element), ""

    def _check(self, element: Any) -> None:
        if self.schema is not None:
            self.schema.assertValid(etree.ElementTree(element).getroot())

    def _opened(self, given: Row, identifier: str, open_to: tuple[str, str]) -> str:
        by_token = (given.get("appToken"), given.get("token")) == open_to
        is_person = given.get("agreementNumber") == str(AGREEMENT) and identifier != ""
        if not by_token and not (is_person and (given["userName"], given["password"]) == (USER, PASSWORD)):
            raise Refused("Authentication", "E02200", "Forkert brugernavn, adgangskode eller token")
        self._last += 1
        self.sessions.add(f"session{self._last}")
        return f"session{self._last}"

    # Handles

    def debtor_entries(self) -> dict[int, Row]:
        """The entries on accounts of receivables that name a customer."""
        accounts = (RECEIVABLES, FOREIGN_RECEIVABLES)
        return {number: e for number, e in self.books.entries.items() if e["customer"] and e["account"] in accounts}  # fmt: skip

    def contacts(self) -> dict[int, Row]:
        """Those that are deleted are not there at all."""
        return {number: row for number, row in self.books.contacts.items() if not row["deleted"]}

    def departments(self) -> dict[int, Row]:
        if DIMENSION_MODULE not in self.books.modules:
            raise Refused(
                "Authorization", "E04100", "Du har ikke adgang til denne funktion: modulet Dimension mangler"
            )
        return self.books.departments

    def lines(self) -> dict[tuple[int, int], Row]:
        return {(n, line["number"]): line for n, row in self.books.invoices.items() for line in row["lines"]}

    # Data, in the order of the schema

    def _company(self, number: str, _: Any) -> Items:
        return [
            ("Handle", [("Number", number)]), ("Number", number), ("BaseCurrencyHandle", [("Code", self.books.base)]),
            ("Name", "HANSEN & SØN's A/S"), ("City", "Århus"), ("Country", "Danmark"), ("CINumber", "12345678"),
            ("SignUpDate", "2009-03-01T00:00:00"),
        ]  # fmt: skip

    def _debtor(self, number: int, row: Row) -> Items:
        limit = NIL if row["credit_limit"] is None else row["credit_limit"]
        return [
            ("Handle", [("Number", number)]), ("Number", number), ("DebtorGroupHandle", [("Number", row["group"])]), ("Name", row["name"]),
            ("VatZone", "HomeCountry" if row["vat_zone"] == 1 else "EU"), ("CurrencyHandle", [("Code", row["currency"])]),
            ("IsAccessible", not row["barred"]), ("Ean", row["ean"]), ("Email", row["email"]), ("TelephoneAndFaxNumber", row["phone"]),
            ("Website", row["website"]), ("Address", row["address"]), ("PostalCode", row["zip"]), ("City", row["city"]),
            ("Country", row["country"]), ("CreditMaximum", limit), ("VatNumber", row["vat_number"]), ("CINumber", row["cvr"]),
            ("TermOfPaymentHandle", [("Id", row["terms"])]), ("LayoutHandle", [("Id", row["layout"])]),
            ("OurReferenceHandle", _handle("Number", row["sales_person"])), ("Balance", self.books.balance(number)),
        ]  # fmt: skip

    def _contact(self, number: int, row: Row) -> Items:
        return [
            ("Handle", [("Id", number)]), ("Id", number), ("DebtorHandle", [("Number", row["customer"])]), ("Name", row["name"]),
            ("Number", row["shown"]), ("TelephoneNumber", row["phone"]), ("Email", row["email"]), ("Comments", row["notes"]),
            ("IsToReceiveEmailCopyOfOrder", False), ("IsToReceiveEmailCopyOfInvoice", True),
        ]  # fmt: skip

    def _invoice(self, number: int, row: Row) -> Items:
        to = row["recipient"]
        return [
            ("Handle", [("Number", number)]), ("Number", number), ("DebtorHandle", [("Number", row["customer"])]), ("DebtorName", to["name"]),
            ("DebtorAddress", to["address"]), ("DebtorPostalCode", to["zip"]), ("DebtorCity", to["city"]), ("DebtorCountry", to["country"]),
            ("OurReferenceHandle", _handle("Number", row["sales_person"])), ("OurReference2Handle", _handle("Number", row["vendor"])),
            ("TermOfPaymentHandle", [("Id", row["terms"])]), ("CurrencyHandle", [("Code", row["currency"])]), ("IsVatIncluded", False),
            ("LayoutHandle", [("Id", 19)]), ("DeliveryDate", NIL), ("Date", _day(row["date"])), ("DueDate", _day(row["due"])),
            ("Heading", row["heading"]), ("OtherReference", row["other"]), ("OrderNumber", 0), ("NetAmount", row["net"]),
            ("VatAmount", row["vat"]), ("GrossAmount", row["gross"]), ("Remainder", self.books.remainder(row)),
            ("RemainderDefaultCurrency", self.books.remainder_base(row)), ("RoundingAmount", Decimal(0)),
            ("NetAmountDefaultCurrency", round(row["net"] * row["rate"] / 100, 2)), ("DeductionAmount", Decimal(0)),
        ]  # fmt: skip

    def _line(self, key: tuple[int, int], row: Row) -> Items:
        invoice, number = key
        return [
            ("Handle", [("Id", invoice), ("Number", number)]), ("Id", invoice), ("Number", number),
            ("InvoiceHandle", [("Number", invoice)]), ("Description", row["description"]), ("DeliveryDate", NIL),
            ("UnitHandle", [("Number", row["unit"])]), ("ProductHandle", [("Number", row["product"])]), ("Quantity", row["quantity"]),
            ("UnitNetPrice", row["price"]), ("DiscountAsPercent", Decimal(0)), ("UnitCostPrice", Decimal(0)), ("VatRate", Decimal(25)),
            ("VatAmount", row["vat"]), ("TotalNetAmount", row["net"]), ("DepartmentHandle", _handle("Number", row["department"])),
        ]  # fmt: skip

    def _entry(self, number: int, row: Row) -> Items:
        base = round(row["base"] * row["remainder"] / row["amount"], 2) if row["amount"] else Decimal(0)
        return [
            ("Handle", [("SerialNumber", number)]), ("SerialNumber", number), ("Type", ENTRY_TYPES[row["type"]]), ("Date", _day(row["date"])),
            ("DebtorHandle", [("Number", row["customer"])]), ("AccountHandle", [("Number", row["account"])]), ("VoucherNumber", row["voucher"]),
            ("Text", row["text"]), ("AmountDefaultCurrency", row["base"]), ("CurrencyHandle", [("Code", row["currency"])]),
            ("Amount", row["amount"]), ("InvoiceNumber", row["invoice"] or 0), ("DueDate", _day(row["due"] or "0001-01-01")),
            ("Remainder", row["remainder"]), ("RemainderDefaultCurrency", base),
        ]  # fmt: skip

    def _group(self, number: int, row: Row) -> Items:
        return [
            ("Handle", [("Number", number)]), ("Number", number), ("Name", row["name"]), ("AccountHandle", [("Number", row["account"])]),
            ("LayoutHandle", [("Id", 19)]),
        ]  # fmt: skip

    def _terms(self, number: int, row: Row) -> Items:
        return [
            ("Handle", [("Id", number)]), ("Id", number), ("Name", row["name"]), ("Type", row["type"][0].upper() + row["type"][1:]),
            ("Days", row["days"]), ("DistributionInPercent", NIL), ("DistributionInPercent2", NIL),
        ]  # fmt: skip

    def _employee(self, number: int, row: Row) -> Items:
        return [("Handle", [("Number", number)]), ("Number", number), ("Name", row["name"]), ("CostPrice", NIL), ("EmployeeType", "TimeLogger")]  # fmt: skip

    def _named(self, number: int, row: Row) -> Items:
        return [("Handle", [("Number", number)]), ("Number", number), ("Name", row["name"])]

    def _layout(self, number: int, row: Row) -> Items:
        return [("Handle", [("Id", number)]), ("Id", number), ("Name", row["name"])]

    def _currency(self, code: str, _: Any) -> Items:
        return [("Handle", [("Code", code)]), ("Code", code)]


def _handle(key: str, value: Any) -> Any:
    return None if value is None else [(key, value)]


def _day(day: str) -> str:
    return f"{day}T00:00:00"


def _said(node: Any) -> Any:
    """An argument: text, or the arguments inside it; a list where they are of an array."""
    if not len(node):
        return node.text or ""
    if etree.QName(node).localname in ("entityHandles", "invoiceHandles"):
        return [_said(child) for child in node]
    return {etree.QName(child).localname: _said(child) for child in node}


def _write(parent: Any, name: str, value: Any) -> None:
    """An element; one that nobody wrote is left out."""
    if value is None:
        return
    element = etree.SubElement(parent, f"{{{SPACE}}}{name}")
    if value is NIL:
        element.set("{http://www.w3.org/2001/XMLSchema-instance}nil", "true")
    elif isinstance(value, list):
        for inner, part in value:
            _write(element, inner, part)
    else:
        element.text = str(value).lower() if isinstance(value, bool) else f"{value}"


def _enveloped(inside: Any) -> bytes:
    envelope = etree.Element(f"{{{ENVELOPE}}}Envelope", nsmap={"soap": ENVELOPE})
    etree.SubElement(envelope, f"{{{ENVELOPE}}}Body").append(inside)
    text: bytes = etree.tostring(envelope, xml_declaration=True, encoding="utf-8")
    return text


Table = Callable[[Soap], dict[Any, Row]]
TABLES: dict[str, tuple[Table, Callable[[Soap, Any, Row], Items], tuple[str, ...]]] = {
    "Company": (lambda s: {str(AGREEMENT): {}}, Soap._company, ("Number",)),
    "Currency": (lambda s: {code: {} for code in sorted(s.books.rates)}, Soap._currency, ("Code",)),
    "TermOfPayment": (lambda s: s.books.terms, Soap._terms, ("Id",)),
    "TemplateCollection": (lambda s: s.books.layouts, Soap._layout, ("Id",)),
    "Employee": (lambda s: s.books.employees, Soap._employee, ("Number",)),
    "DebtorGroup": (lambda s: s.books.groups, Soap._group, ("Number",)),
    "Department": (Soap.departments, Soap._named, ("Number",)),
    "Debtor": (lambda s: s.books.customers, Soap._debtor, ("Number",)),
    "DebtorContact": (Soap.contacts, Soap._contact, ("Id",)),
    "Invoice": (lambda s: s.books.invoices, Soap._invoice, ("Number",)),
    "InvoiceLine": (Soap.lines, Soap._line, ("Id", "Number")),
    "DebtorEntry": (Soap.debtor_entries, Soap._entry, ("SerialNumber",)),
}
"""Kind -> its records, their data, and what a handle of them says."""


def _handles(noun: str, keys: Iterable[Any]) -> Items:
    names = TABLES[noun][2]
    return [(f"{noun}Handle", list(zip(names, key if isinstance(key, tuple) else (key,), strict=True))) for key in keys]  # fmt: skip


def _of(noun: str, test: Callable[[Row, Row], bool]) -> Callable[[Soap, Row], Items]:
    """The handles of those records that an operation finds."""
    return lambda soap, given: _handles(noun, [key for key, row in TABLES[noun][0](soap).items() if test(row, given)])  # fmt: skip


def _data(noun: str, soap: Soap, handles: Sequence[Row]) -> list[Items]:
    """The data of these handles, or the fault that fails all of them."""
    table, write, names = TABLES[noun]
    rows = table(soap)
    known = {tuple(map(str, key if isinstance(key, tuple) else (key,))): key for key in rows}
    found = [known.get(tuple(handle[name] for name in names)) for handle in handles]
    if None in found:
        raise Refused("Integrity", "E06000", f"{noun} findes ikke.")
    return [write(soap, key, rows[key]) for key in found]


def _array(noun: str) -> Callable[[Soap, Row], Items]:
    return lambda soap, given: [(f"{noun}Data", data) for data in _data(noun, soap, given["entityHandles"])]


def _lines_of(soap: Soap, given: Row) -> Items:
    wanted = {handle["Number"] for handle in given["invoiceHandles"]}
    return _handles("InvoiceLine", sorted(key for key in soap.lines() if str(key[0]) in wanted))


def _its(row: Row, given: Row) -> bool:
    return f"{row['customer']}" == f"{given['debtorHandle']['Number']}"


OPERATIONS: dict[str, Callable[[Soap, Row], Any]] = {
    **{f"{noun}_GetAll": _of(noun, lambda *_: True) for noun in TABLES if noun not in ("Company", "InvoiceLine", "DebtorEntry")},
    **{f"{noun}_GetDataArray": _array(noun) for noun in TABLES},
    "Company_Get": lambda soap, given: [("Number", AGREEMENT)],
    "Company_GetData": lambda soap, given: _data("Company", soap, [given["entityHandle"]])[0],
    "DebtorEntry_FindBySerialNumber": _of(
        "DebtorEntry", lambda row, given: int(given["from"]) <= row["number"] <= int(given["to"])
    ),
    "DebtorEntry_GetAllOpenEntries": _of("DebtorEntry", lambda row, given: bool(row["remainder"])),
    "Debtor_GetDebtorContacts": _of("DebtorContact", _its),
    "Debtor_GetInvoices": _of("Invoice", _its),
    "Debtor_GetEntries": _of("DebtorEntry", _its),
    "InvoiceLine_FindByInvoiceList": _lines_of,
    "Account_GetBalance": lambda soap, given: soap.books.account_balance(int(given["accountHandle"]["Number"])),
}  # fmt: skip
