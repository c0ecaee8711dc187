"""Figures that NetSuite states itself: what is open in each currency, and the balance of each customer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from connectors.netsuite import lists
from connectors.netsuite.suiteql import Column, KeyPart, Query
from connectors.netsuite.tables import RECEIVABLES, Account
from sync_engine.records import ControlTotal

Ask = Callable[[Query, str], Sequence[Mapping[str, Any]]]
_SUM = "SUM(NVL({0}.foreignamountunpaid, 0)) - SUM(NVL({0}.foreignpaymentamountunused, 0))"
_LIVE = "t.posting = 'T' AND NVL(t.voided, 'F') = 'F'"


def open_amounts(account: Account, ask: Ask) -> Iterator[ControlTotal]:
    """What is open less what is unused, in each currency: headers, and lines of journals, in one question."""
    types = ", ".join(f"'{kind}'" for kind in RECEIVABLES if kind != "Journal")
    headers = (
        f"SELECT t.currency AS currency, {_SUM.format('t')} AS amount FROM transaction t"
        f" WHERE t.type IN ({types}) AND {_LIVE} GROUP BY t.currency"
    )
    lines = (
        f"SELECT t.currency, {_SUM.format('l')} FROM transactionline l JOIN transaction t ON t.id = l.transaction JOIN customer c ON c.id = l.entity"
        f" LEFT JOIN transaction v ON v.id = l.createdfrom WHERE t.type = 'Journal' AND ({account.receivable_line('l')}) AND {_LIVE}"
        f" AND NVL(v.voided, 'F') = 'F' GROUP BY t.currency"
    )
    query = Query(
        (
            Column("id", "y.id"),
            Column("symbol", f"MAX({account.symbol('y')})"),
            Column("amount", "SUM(x.amount)"),
        ),
        f"({headers} UNION ALL {lines}) x JOIN currency y ON y.id = x.currency",
        (KeyPart("id", "y.id"),),
        grouped="GROUP BY y.id",
    )
    for row in ask(query, "open amounts"):
        yield ControlTotal(
            "documents", "open_amount", Decimal(str(row["amount"])), currency=str(row["symbol"])
        )


def balances(account: Account, rows: lists.Rows, ask: Ask) -> Iterator[ControlTotal]:
    """The balance of each customer that is not nought, where all books are kept in one currency.

    Else a balance is in the currency of the customer's subsidiary, and no sum of them means anything. A consolidated balance holds
    those below it and is never added up.
    """
    currencies = {row["currency"] for row in rows if row["list"] == "subsidiary"}
    if len(currencies) > 1:
        return
    query = Query(
        (Column("id", "c.id"), Column("balance", "c.balancesearch")),
        "customer c",
        (KeyPart("id", "c.id"),),
        ("NVL(c.balancesearch, 0) <> 0",),
    )
    for row in ask(query, "balances"):
        yield ControlTotal("customers", "debtor_balance", Decimal(str(row["balance"])), key=str(row["id"]))
