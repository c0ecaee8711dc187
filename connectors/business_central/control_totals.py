"""What Business Central states about itself: counts, balances, ageing. [facts: agedAccountsReceivables, customerFinancialDetails]

`customers.balanceDue` is no control: it adds up amounts of several currencies.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import TypeVar

import msgspec

from connectors.business_central.catalogue import LISTLESS, Entity
from connectors.business_central.reading import Reading
from connectors.toolkit.http.errors import Refused
from connectors.toolkit.odata.query import Query, literal
from connectors.toolkit.pagination import PageSize
from connectors.toolkit.rows import Fields, Row
from sync_engine.errors import PermissionMissing, ProtocolViolation, SourceError
from sync_engine.records import ControlTotal

_NOBODY = "00000000-0000-0000-0000-000000000000"
_ZERO = Decimal(0)
T = TypeVar("T")


class _Aged(msgspec.Struct):
    customer: str = msgspec.field(name="customerId", default=_NOBODY)
    due: Decimal | None = msgspec.field(name="balanceDue", default=None)
    current: Decimal | None = msgspec.field(name="currentAmount", default=None)
    first: Decimal | None = msgspec.field(name="period1Amount", default=None)
    second: Decimal | None = msgspec.field(name="period2Amount", default=None)
    third: Decimal | None = msgspec.field(name="period3Amount", default=None)
    label1: str = msgspec.field(name="period1Label", default="")
    label2: str = msgspec.field(name="period2Label", default="")
    label3: str = msgspec.field(name="period3Label", default="")


class _Balance(msgspec.Struct):
    id: str
    balance: Decimal


class _Account(msgspec.Struct):
    number: str = ""
    sub_category: str = msgspec.field(name="subCategory", default="")
    net_change: Decimal | None = msgspec.field(name="netChange", default=None)


class _Booked(msgspec.Struct):
    debit: Decimal = msgspec.field(name="debitAmount", default=_ZERO)
    credit: Decimal = msgspec.field(name="creditAmount", default=_ZERO)


_AGED, _BALANCE, _ACCOUNT, _BOOKED = (
    Fields(_Aged, ("customer",)),
    Fields(_Balance),
    Fields(_Account, ("number", "sub_category")),
    Fields(_Booked),
)


def _sum(cells: Iterable[Decimal | None]) -> Decimal | None:
    """What the cells add up to; None where one of them cannot be read, for then no sum is the ERP's."""
    found = list(cells)
    known = [cell for cell in found if cell is not None]
    return sum(known, _ZERO) if len(known) == len(found) else None


class ControlTotals:
    """Control figures of one company; amounts are in base currency (LCY)."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading

    def count(self, entity: Entity) -> int | None:
        """How many records the source says there are; None where it does not say, or counts something else."""
        return None if entity.reader in LISTLESS else self._reading.count(entity)

    def totals(self, entity: Entity) -> Sequence[ControlTotal]:
        """The count of any entity; for `customers` also balances per debtor, ageing, and what is open in all; for `companyInformation`
        the control account, so that a mistyped account silences no other figure.
        """
        count = self.count(entity)
        found = [] if count is None else [ControlTotal(entity.name, "count", Decimal(count))]
        if entity.name == "companyInformation":
            found += self._control_account()
        if entity.name == "customers":
            found += self._ageing()
        if entity.name in ("customers", "customerFinancialDetails"):
            found += self._balances()
        return found

    def _balances(self) -> Iterator[ControlTotal]:
        details = self._reading.site.offer.entities.get("customerFinancialDetails")
        if details is None:
            return
        for row in self._rows(self._reading.site.url(details, Query(select=("id", "balance"))), details.name):
            balance = _BALANCE.read(row)
            if balance is None:
                continue  # the record itself is in quarantine, and what it says is no figure
            yield ControlTotal("customers", "debtor_balance", balance.balance, key=balance.id)

    def _control_account(self) -> Iterator[ControlTotal]:
        """The balance of the receivables accounts in the general ledger, where the settings name them.

        An account's net change over all time is its balance; where the page shows none, its entries are added up.
        """
        wanted = self._reading.settings.control_accounts
        if not wanted:
            return
        site = self._reading.site
        accounts = [
            self._sure(_ACCOUNT.read(row), "accounts")
            for row in self._rows(site.addresses.v2("accounts"), "accounts")
        ]
        chosen = [
            a
            for a in accounts
            if (
                a.sub_category.casefold() == "accounts receivable"
                if wanted == "by_category"
                else a.number in wanted
            )
        ]
        unknown = sorted(set(wanted) - {a.number for a in chosen}) if wanted != "by_category" else []
        if unknown or not chosen:
            what = (
                f"there is no account {', '.join(unknown)}"
                if unknown
                else "no account has the sub-category Accounts Receivable"
            )
            raise SourceError(
                what,
                whose=self._reading.client.whose,
                key="accounts",
                todo="Correct control_accounts in the YAML.",
            )
        yield ControlTotal(
            "companyInformation",
            "control_account",
            sum((self._balance_of(account) for account in chosen), _ZERO),
        )

    def _balance_of(self, account: _Account) -> Decimal:
        if account.net_change is not None:
            return account.net_change
        query = Query(
            filter=f"accountNumber eq {literal(account.number)}", select=("debitAmount", "creditAmount")
        )
        rows = self._rows(
            self._reading.site.addresses.v2("generalLedgerEntries", query), "generalLedgerEntries"
        )
        entries = (self._sure(_BOOKED.strict(row), "generalLedgerEntries") for row in rows)
        return sum((entry.debit - entry.credit for entry in entries), _ZERO)

    def _sure(self, found: T | None, key: str) -> T:
        """A sum of which a part cannot be read is no figure."""
        if found is None:
            raise ProtocolViolation(
                "a row cannot be read, so no balance can be told", whose=self._reading.client.whose, key=key
            )
        return found

    def _ageing(self) -> Iterator[ControlTotal]:
        """The `Total` row when there is one, else the sum of customers; it must never be added to them. [facts: case 24]"""
        known = self._reading.site.metadata
        if known is not None and not known.has("agedAccountsReceivables"):
            return
        try:
            url = self._reading.site.addresses.v2("agedAccountsReceivables")
            rows = [_AGED.read(row) or _Aged("") for row in self._rows(url, "agedAccountsReceivables")]
        except (Refused, PermissionMissing):
            return
        summed = [row for row in rows if row.customer == _NOBODY] or rows
        labels = next(((r.label1, r.label2, r.label3) for r in rows if r.label1), ("", "", ""))
        for key, figure in (
            ("current", _sum(r.current for r in summed)),
            (labels[0] or "period1", _sum(r.first for r in summed)),
            (labels[1] or "period2", _sum(r.second for r in summed)),
            (labels[2] or "period3", _sum(r.third for r in summed)),
        ):
            if figure is not None:
                yield ControlTotal("customers", "ageing", figure, key=key)
        due = _sum(r.due for r in summed)
        if due is not None:
            yield ControlTotal("customers", "open_amount_base", due)

    def _rows(self, url: str, key: str) -> Iterator[Row]:
        for page in self._reading.pages.walk(url, key=key, size=PageSize(20_000)):
            yield from page.rows
