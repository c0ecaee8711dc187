"""What is read for each stream: its query, by what the account has and the role sees.

Spellings of tables and columns: Oracle's SuiteQL and Records Catalog pages, and connectors in the field. What a role or an account
has not costs its own column or stream only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from connectors.netsuite.settings import Settings
from connectors.netsuite.suiteql import Column, Query, quoted
from sync_engine.records import Stream

DEBTS = ("CustInvc", "FinChrg", "CustRfnd")
DOCUMENTS = ("CustInvc", "FinChrg", "CustCred")
PAYMENTS = ("CustPymt", "CustDep", "CustRfnd")
RECEIVABLES = ("CustInvc", "FinChrg", "CustCred", "CustPymt", "CustDep", "DepAppl", "CustRfnd", "Journal")
_LISTS, _COMPANIES = "Setup > Accounting Lists", "Lists > Subsidiaries, or OneWorld is off"
PERMISSION = {
    "subsidiary": _COMPANIES,
    "customersubsidiaryrelationship": _COMPANIES,
    "department": "Lists > Departments",
    "classification": "Lists > Classes",
    "location": "Lists > Locations",
    "customercategory": _LISTS,
    "term": _LISTS,
    "employee": "Lists > Employees",
    "contact": "Lists > Contacts",
    "companycontactrelationship": "Lists > Contacts",
    "job": "Lists > Jobs, or projects are off",
    "entityaddress": "Lists > Customers",
    "customeraddressbook": "Lists > Customers",
    "installment": "Transactions > Invoice, or instalments are off",
    "deletedrecord": "Lists > Deleted Records",
    "transactionaccountingline": "Lists > Accounts",
    "account": "Lists > Accounts",
}
"""Tables of features that may be off, or that a role may not see (`Record 'subsidiary' was not found`), and what a role needs for them.
[help.kolleno.com 7940098; NetSuite permissions]"""
OPTIONAL = tuple(PERMISSION)
GROUP = "group_"
"""Begins the names of columns that say which group a customer is in."""


@dataclass(frozen=True)
class Source:
    """One stream and how it is read.

    `pulse`: the arms of the pulse that move when it may have changed. `children`: records are keyed `<parent>|...`, several of each
    row. `debtor`: a condition with `{debtor}` for the rows of one debtor. `gone`: types of deleted records that mean its parents.
    `whole_on`: arms that move without any stamp, so that all is read. `spread`: the arm and the column of an id by which a long list is
    read in parts.
    """

    stream: Stream
    query: Query
    pulse: tuple[str, ...]
    touched: str = ""
    debtor: str = ""
    gone: tuple[str, ...] = ()
    children: bool = False
    counted: bool = True
    whole_on: tuple[str, ...] = ()
    spread: tuple[str, str] | None = None

    @property
    def is_of_lines(self) -> bool:
        """Whether a parent is several rows, not one."""
        return len(self.query.key) > 1


@dataclass(frozen=True)
class Account:
    """What the account has: its settings, the tables that are not there, the subsidiary that is the company, its base currency's id."""

    settings: Settings
    lacking: frozenset[str] = frozenset()
    base: str = ""

    def has(self, table: str) -> bool:
        """Whether a table may be asked."""
        return table not in self.lacking

    def shape(self, source: Source) -> str:
        """How a stream is asked for: when that is another way, what was read before is not what would be read now."""
        return repr(
            (
                source.query.text(),
                self.settings.lines,
                self.has("installment"),
                self.has("companycontactrelationship"),
            )
        )

    def symbol(self, alias: str) -> str:
        """The ISO code of a currency: people type symbols as they like, `CAN` for the dollar of Canada."""
        cases = "".join(
            f" WHEN {quoted(typed)} THEN {quoted(code)}" for typed, code in self.settings.currencies.items()
        )
        return f"CASE {alias}.symbol{cases} ELSE {alias}.symbol END" if cases else f"{alias}.symbol"

    @property
    def groups(self) -> dict[str, str]:
        """Dimension -> field of the customer row."""
        found = {"category": "c.category"} if self.has("customercategory") else {}
        if self.has("subsidiary") and self.has("customersubsidiaryrelationship"):
            found["subsidiary"] = "r.subsidiary"
        return found | {group.field: f"c.{group.field}" for group in self.settings.customer_groups}

    def receivable_line(self, alias: str) -> str:
        """A line that was posted to a receivable account; where postings are not shown, one that something can be open of."""
        if self.has("transactionaccountingline") and self.has("account"):
            return (
                f"EXISTS (SELECT 1 FROM transactionaccountingline b JOIN account o ON o.id = b.account"
                f" WHERE b.transaction = {alias}.transaction AND b.transactionline = {alias}.id AND o.accttype = 'AcctRec')"
            )
        return f"{alias}.foreignamountunpaid IS NOT NULL OR {alias}.foreignpaymentamountunused IS NOT NULL"


def stream(entity: str, family: str, canonical: str, *, overlap: bool = False) -> Stream:
    """Settlements are long transactions: what they stamped may show half an hour later."""
    return Stream(entity, family, canonical, overlap=timedelta(minutes=60 if overlap else 30))


def own(alias: str, names: str, *more: str) -> tuple[Column, ...]:
    """Columns that cost themselves where an account or a role has them not."""
    listed = (*names.split(), *more)
    return tuple(
        Column(name, f"{alias}.{name}", lost="" if name == "id" else f"the field {name}") for name in listed
    )


def needed(alias: str, names: str) -> tuple[Column, ...]:
    """Columns without which nothing works."""
    return tuple(Column(name, f"{alias}.{name}") for name in names.split())


def listed(types: Sequence[str]) -> str:
    """Types for a list."""
    return ", ".join(f"'{name}'" for name in types)


def of_types(types: Sequence[str]) -> str:
    """A condition that a transaction is of one of these types."""
    return f"t.type IN ({listed(types)})"
