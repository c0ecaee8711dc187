"""How SOAP is asked: a session, the handles of records, and the data of many handles at once.

The vendor ended it with 2023; installations and proxies that still have it speak it by the vendor's WSDL.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache, partial
from typing import Any

import httpx
import msgspec

from connectors.economic.catalogue import Entity
from connectors.economic.reading import LINES, Reading
from connectors.economic.settings import Settings
from connectors.toolkit.auth.terminal import secret_or_asked
from connectors.toolkit.by_keys import by_keys
from connectors.toolkit.http.client import HttpClient
from connectors.toolkit.http.errors import BrokeDown, NotFound, Refused
from connectors.toolkit.http.limits import Limits
from connectors.toolkit.http.redaction import sentence
from connectors.toolkit.joined import grouped, with_lists
from connectors.toolkit.pagination import Page
from connectors.toolkit.rows import Row
from connectors.toolkit.soap.answers import Fault
from connectors.toolkit.soap.client import SoapClient
from connectors.toolkit.soap.session import Session
from connectors.toolkit.soap.wsdl import Call
from sync_engine.errors import AuthenticationFailed, PermissionMissing, SyncError
from sync_engine.ports import Clock

Handle = dict[str, Any]
KINDS = {
    "agreement": ("Company", "Number"), "currencies": ("Currency", "Code"), "payment_terms": ("TermOfPayment", "Id"),
    "layouts": ("TemplateCollection", "Id"), "employees": ("Employee", "Number"), "dimensions": ("", "code"),
    "customer_groups": ("DebtorGroup", "Number"), "departments": ("Department", "Number"), "customers": ("Debtor", "Number"),
    "contacts": ("DebtorContact", "Id"), "invoices": ("Invoice", "Number"), "entries": ("DebtorEntry", "SerialNumber"),
}  # fmt: skip
"""Wire entity -> what SOAP calls its records, and their key."""
_OF_A_DEBTOR = {"contacts": "Debtor_GetDebtorContacts", "invoices": "Debtor_GetInvoices", "entries": "Debtor_GetEntries"}  # fmt: skip
_LAST = 2**31 - 1
_FAULT = re.compile(r"Economic\.Api\.Exceptions\.(\w+)Exception\((E\d+)\):\s*(.*?)(?:\s*\(id=[^)]*\))?\s*$", re.DOTALL)  # fmt: skip
_LOST, _NOT_THERE = "E02250", "E06000"


def told(row: Row | bytes) -> Handle:
    """What a row says, as far as it is no amount."""
    return msgspec.json.decode(bytes(row), type=dict[str, Any])


def _read(fault: Fault) -> tuple[str, str, str]:
    """Kind and code of a fault, which are in no language, and its sentence, which is in the agreement's."""
    found = _FAULT.search(fault.text)
    kind, code, text = found.groups() if found else ("", "", fault.text)
    return kind, code, sentence(text)


class SoapReading(Reading):
    """One agreement through SOAP."""

    def __init__(
        self, source: str, settings: Settings, clock: Clock, transport: httpx.BaseTransport | None
    ) -> None:
        assert settings.soap is not None, "the settings are validated"
        self.source, self.settings, self._of = source, settings, settings.soap
        headers = {"User-Agent": "sync-engine"} | self._of.headers
        url, limits = self._of.url, Limits(connect=settings.timeouts.connect, read=settings.timeouts.read)
        login = Session(url, self._opening, lambda fault: _read(fault)[1] == _LOST, self._refusal)
        http = HttpClient(source, clock, login, url, transport, headers=headers, limits=limits)
        self.clients = (http,)
        what = f"the password of {self._of.user} in e-conomic"
        self._password = cache(partial(secret_or_asked, self._of.password, what=what, setting="soap.password"))  # fmt: skip
        self.soap = SoapClient(http, url, self._of.wsdl, self._refusal)

    def _opening(self) -> Call:
        """By the tokens of an app, or as a person of an agreement."""
        if not self._of.user:
            app, grant = self.settings.tokens.values()
            return self.soap.call("ConnectWithToken", {"token": grant.resolve(), "appToken": app.resolve()})
        person = {"agreementNumber": self._of.agreement_number, "userName": self._of.user}
        return self.soap.call("Connect", person | {"password": self._password()})

    def _refusal(self, fault: Fault, key: str) -> SyncError:
        kind, code, text = _read(fault)
        what, whose = ": ".join(part for part in (code, text) if part), self.source
        if kind == "Authentication":
            todo = "Check the tokens, or the user with its password and the agreement's number."
            return AuthenticationFailed(f"the login was refused, {what}", whose=whose, key=key, todo=todo)
        if kind == "Authorization":
            todo = "Activate its module in e-conomic, or give the user access to it."
            return PermissionMissing(f"the login may not read this, {what}", whose=whose, key=key, todo=todo)
        if kind == "Server" or fault.code.endswith("Server"):
            return BrokeDown(f"not able to answer now, {what}", whose=whose, key=key)
        return (NotFound if code == _NOT_THERE else Refused)(500, code, text, whose=whose, key=key)

    def found(self, operation: str, **given: Any) -> list[Handle]:
        """The handles that an operation finds."""
        return [told(row) for row in self.soap.rows(operation, given)]

    def handles(self, entity: Entity, condition: str = "") -> list[Handle]:
        """The handles of all records, or of entries `from 7` on, that are `open`, `these 1,2,3`, or of what is `of` a debtor."""
        noun, key = KINDS[entity.name]
        match condition.partition(" "):
            case ("of", _, debtor):
                handle = {"Number": debtor}
                return (
                    [handle]
                    if noun == "Debtor"
                    else self.found(_OF_A_DEBTOR[entity.name], debtorHandle=handle)
                )
            case ("these", _, numbers):
                return [{key: number} for number in numbers.split(",")]
            case ("open", _, _):
                return self.found("DebtorEntry_GetAllOpenEntries")
            case (_, _, first) if noun == "DebtorEntry":
                return self.found("DebtorEntry_FindBySerialNumber", **{"from": first or 1, "to": _LAST})
        return self.found(f"{noun}_GetAll")

    def listed(self, entity: Entity, condition: str = "") -> int:
        """How many records of an entity there are."""
        return len(self.handles(entity))

    def rows(self, entity: Entity, condition: str = "") -> Iterator[Page]:
        """The records of an entity, those of a condition."""
        return self.data(KINDS[entity.name][0], self.handles(entity, condition))

    def data(self, noun: str, handles: Sequence[Handle]) -> Iterator[Page]:
        """The records of these handles; invoices with their lines."""

        def ask(some: Sequence[Handle], stop: Any) -> Sequence[msgspec.Raw]:
            given = {"entityHandles": {f"{noun}Handle": list(some)}}
            return self.soap.rows(f"{noun}_GetDataArray", given, stop=stop)

        pages = by_keys(ask, handles, self.settings.page_size)
        return map(self._with_lines, pages) if noun == "Invoice" else pages

    def _with_lines(self, page: Page) -> Page:
        """A line's `Id` is the number of its invoice."""
        if not page.rows:
            return page
        invoices = [told(row)["Handle"] for row in page.rows]
        found = self.found("InvoiceLine_FindByInvoiceList", invoiceHandles={"InvoiceHandle": invoices})
        lines = grouped(self.data("InvoiceLine", found), "Id")
        return page._replace(rows=with_lists(page.rows, "Number", LINES, lines))
