"""The connector in its SOAP dialect: the same wire entities, whose records keep the names that SOAP has for their fields.

SOAP does not tell which entries settled which, nor the dimensions of the newer interfaces.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from functools import cached_property

import httpx
import msgspec

from connectors.economic.catalogue import ENTITIES, Entity
from connectors.economic.connector import Agreement, Economic, Named
from connectors.economic.ledger import Ledger
from connectors.economic.settings import Settings
from connectors.economic.soap_reading import KINDS, Handle, SoapReading, told
from connectors.toolkit.number_sets import pack, unpack
from connectors.toolkit.open_items import NUMBERS_BACK, Mark, OpenItems
from connectors.toolkit.rows import Fields
from sync_engine.errors import PermissionMissing, ProtocolViolation
from sync_engine.ports import Clock
from sync_engine.records import ControlTotal, Cursor, RawRecord, RecordBatch

UNTOLD = "SOAP does not tell it; the REST API and the OpenAPI services do"
_CURSORS = ("invoices", "entries")
_STAMPED = ("changes", "customers")
_OF = "SOAP"
"""What marks are of: those of the other dialect are read as none."""


class _Balance(msgspec.Struct):
    debtor: str = msgspec.field(name="Number")
    balance: Decimal = msgspec.field(name="Balance")


class _Entry(msgspec.Struct):
    number: int = msgspec.field(name="SerialNumber")
    remainder: Decimal | None = msgspec.field(name="Remainder", default=None)


_BALANCE, _ENTRY = Fields(_Balance), Fields(_Entry)


class SoapEconomic(Economic):
    """One agreement. Nothing is sent before the first question."""

    dialect = "SOAP"

    def __init__(
        self, source: str, settings: Settings, clock: Clock, transport: httpx.BaseTransport | None = None
    ) -> None:
        self.source, self.settings = source, settings
        self._reading = self._soap = SoapReading(source, settings, clock, transport)

    @cached_property
    def _agreement(self) -> tuple[RawRecord, Agreement]:
        handle = told(self._soap.soap.one("Company_Get") or b"{}")
        body = bytes(self._soap.soap.one("Company_GetData", {"entityHandle": handle}) or b"{}")
        match told(body):
            case {"Number": str(number), **said} if number:
                found = Agreement(number, Named(str(said.get("Name", ""))))
                return RawRecord(number, body, None), found
        raise ProtocolViolation("does not say which agreement it is", whose=self.source, key="agreement")

    @cached_property
    def _missing(self) -> Mapping[str, str]:
        """Departments need a module, which only asking for them tells."""
        missing = {entity.name: UNTOLD for entity in ENTITIES if entity.name not in KINDS}
        try:
            self._soap.found("Department_GetAll")
        except PermissionMissing as failure:
            missing["departments"] = failure.what
        return missing

    @cached_property
    def _entities(self) -> Mapping[str, Entity]:
        """What says no time of change is read whole."""
        return {
            e.name: replace(
                e,
                stream=replace(e.stream, has_cursor=e.name in _CURSORS),
                reader="register" if e.reader in _STAMPED else e.reader,
                keys=KINDS[e.name][1:],
                stamp=None,
            )
            for e in ENTITIES
            if e.name not in self._missing
        }

    def _invoices(self, entity: Entity, since: Cursor | None) -> Iterator[RecordBatch]:
        """Those whose numbers are new: a booked invoice never changes, and series of numbers leave holes that are filled later."""
        mark = Mark.read(since, _OF) or Mark()
        seen = unpack(mark.open)
        new = [handle for handle in self._soap.handles(entity) if handle["Number"] not in seen]
        for page in self._soap.data("Invoice", new):
            records, ends = entity.shape.read(page.rows).records, page.next is None
            seen.update(int(record.key) for record in records if record.key.isdigit())
            mark = Mark(max(seen, default=0), pack(seen), _OF)
            resume = Cursor(msgspec.json.encode(mark).decode()) if ends else None
            yield RecordBatch(entity.name, records, resume_from=resume, complete=ends and since is None)

    @cached_property
    def _ledger(self) -> Ledger:
        return _SoapLedger(self._soap, self._known("entries"), set())

    def pull_debtor(self, debtor_key: str) -> Iterator[RecordBatch]:
        """One debtor with its contacts, invoices and entries; told as deleted when it is gone."""
        for name in ("customers", "contacts", "invoices", "entries"):
            entity = self._known(name)
            for page in self._soap.rows(entity, f"of {debtor_key}"):
                yield RecordBatch(name, entity.shape.read(page.rows).records)
                if name == "customers" and not page.rows:
                    yield RecordBatch(name, (), deleted=(debtor_key,))
                    return

    def _balances(self) -> Iterator[ControlTotal]:
        """A balance that cannot be read is no figure: then none is stated, rather than a part."""
        for page in self._soap.rows(self._known("customers")):
            for row in page.rows:
                found = _BALANCE.strict(row)
                if found is None:
                    raise ProtocolViolation("a balance cannot be read", whose=self.source, key="customers")
                if found.balance:
                    yield ControlTotal("customers", "debtor_balance", found.balance, key=found.debtor)

    def _accounts(self) -> dict[int, Decimal | None]:
        pages = self._soap.rows(self._known("customer_groups"))
        said = (told(row).get("AccountHandle") for page in pages for row in page.rows)
        return {handle["Number"]: self._balance(handle) for handle in said if handle}

    def _balance(self, account: Handle) -> Decimal | None:
        said = self._soap.soap.one("Account_GetBalance", {"accountHandle": account})
        return None if said is None else msgspec.json.decode(said, type=Decimal)


class _SoapLedger(Ledger):
    """The entries that SOAP has of debtors are those on accounts of receivables, and no others."""

    owed = ""

    def pull(self, since: Cursor | None) -> Iterator[RecordBatch]:
        """All entries, or those that are new, that are open, and that were."""
        mark = Mark.read(since, _OF)
        conditions = ["from 1"] if mark is None else [f"from {max(1, mark.last - NUMBERS_BACK)}", "open"]
        found = OpenItems(self._rows, self._entries.shape, _ENTRY)
        for records in found.read(
            conditions, mark, lambda gone: [f"these {','.join(map(str, sorted(gone)))}"] if gone else []
        ):
            yield RecordBatch(self._entries.name, records)
        yield RecordBatch(self._entries.name, (), resume_from=found.cursor(_OF), complete=since is None)
