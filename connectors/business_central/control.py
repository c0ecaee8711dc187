"""What Business Central states about itself: counts, balances, ageing. [facts: agedAccountsReceivables, customerFinancialDetails]

`customers.balanceDue` is no control: it adds up amounts of several currencies.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

import msgspec

from connectors.business_central.catalogue import LISTLESS, Entity
from connectors.business_central.reading import Reading
from connectors.toolkit.failures import Refused
from connectors.toolkit.odata import Query, literal
from connectors.toolkit.paging import PageSize
from sync_engine.errors import PermissionMissing, SourceError
from sync_engine.records import ControlTotal

_NOBODY = "00000000-0000-0000-0000-000000000000"
_ZERO = Decimal(0)


class _Aged(msgspec.Struct):
    customer: str = msgspec.field(name="customerId", default=_NOBODY)
    due: Decimal = msgspec.field(name="balanceDue", default=_ZERO)
    current: Decimal = msgspec.field(name="currentAmount", default=_ZERO)
    first: Decimal = msgspec.field(name="period1Amount", default=_ZERO)
    second: Decimal = msgspec.field(name="period2Amount", default=_ZERO)
    third: Decimal = msgspec.field(name="period3Amount", default=_ZERO)
    label1: str = msgspec.field(name="period1Label", default="")
    label2: str = msgspec.field(name="period2Label", default="")
    label3: str = msgspec.field(name="period3Label", default="")


class _Balance(msgspec.Struct):
    id: str
    balance: Decimal = _ZERO


class _Account(msgspec.Struct):
    number: str = ""
    sub_category: str = msgspec.field(name="subCategory", default="")
    net_change: Decimal | None = msgspec.field(name="netChange", default=None)


class _Booked(msgspec.Struct):
    debit: Decimal = msgspec.field(name="debitAmount", default=_ZERO)
    credit: Decimal = msgspec.field(name="creditAmount", default=_ZERO)


class Control:
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
            balance = msgspec.json.decode(row, type=_Balance)
            yield ControlTotal("customers", "debtor_balance", balance.balance, key=balance.id)

    def _control_account(self) -> Iterator[ControlTotal]:
        """The balance of the receivables accounts in the general ledger, where the settings name them.

        An account's net change over all time is its balance; where the page shows none, its entries are added up.
        """
        wanted = self._reading.settings.control_accounts
        if not wanted:
            return
        site = self._reading.site
        accounts = [msgspec.json.decode(row, type=_Account) for row in self._rows(site.addresses.v2("accounts"), "accounts")]
        chosen = [a for a in accounts if (a.sub_category.casefold() == "accounts receivable" if wanted == "by_category" else a.number in wanted)]
        unknown = sorted(set(wanted) - {a.number for a in chosen}) if wanted != "by_category" else []
        if unknown or not chosen:
            what = f"there is no account {', '.join(unknown)}" if unknown else "no account has the sub-category Accounts Receivable"
            raise SourceError(what, whose=self._reading.client.whose, key="accounts", todo="Correct control_accounts in the YAML.")
        yield ControlTotal("companyInformation", "control_account", sum((self._balance_of(account) for account in chosen), _ZERO))

    def _balance_of(self, account: _Account) -> Decimal:
        if account.net_change is not None:
            return account.net_change
        query = Query(filter=f"accountNumber eq {literal(account.number)}", select=("debitAmount", "creditAmount"))
        rows = self._rows(self._reading.site.addresses.v2("generalLedgerEntries", query), "generalLedgerEntries")
        entries = (msgspec.json.decode(row, type=_Booked) for row in rows)
        return sum((entry.debit - entry.credit for entry in entries), _ZERO)

    def _ageing(self) -> Iterator[ControlTotal]:
        """The `Total` row when there is one, else the sum of customers; it must never be added to them. [facts: case 24]"""
        known = self._reading.site.metadata
        if known is not None and not known.has("agedAccountsReceivables"):
            return
        try:
            url = self._reading.site.addresses.v2("agedAccountsReceivables")
            rows = [msgspec.json.decode(row, type=_Aged) for row in self._rows(url, "agedAccountsReceivables")]
        except (Refused, PermissionMissing):
            return
        summed = [row for row in rows if row.customer == _NOBODY] or rows
        labels = next(((r.label1, r.label2, r.label3) for r in rows if r.label1), ("", "", ""))
        for key, figure in (
            ("current", sum((r.current for r in summed), _ZERO)),
            (labels[0] or "period1", sum((r.first for r in summed), _ZERO)),
            (labels[1] or "period2", sum((r.second for r in summed), _ZERO)),
            (labels[2] or "period3", sum((r.third for r in summed), _ZERO)),
        ):
            yield ControlTotal("customers", "ageing", figure, key=key)
        yield ControlTotal("customers", "open_amount_base", sum((r.due for r in summed), _ZERO))

    def _rows(self, url: str, key: str) -> Iterator[msgspec.Raw]:
        for page in self._reading.pages.walk(url, key=key, size=PageSize(20_000)):
            yield from page.rows
