"""What the role does not see. A missing permission hides tables and rows and fails nothing, so counts are compared."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from connectors.netsuite.pulse import Pulse
from connectors.netsuite.settings import ClientCredentials, Settings
from connectors.netsuite.tables import OPTIONAL, PERMISSION, RECEIVABLES, Account, Source
from sync_engine.records import Capability, Probe

Ask = Callable[[str, str], Sequence[Mapping[str, Any]]]
_KINDS = {
    "CustInvc": "Transactions > Invoice",
    "CustCred": "Transactions > Credit Memo",
    "CustPymt": "Transactions > Customer Payment",
    "CustDep": "Transactions > Customer Deposit",
    "DepAppl": "Transactions > Deposit Application",
    "CustRfnd": "Transactions > Customer Refund",
    "Journal": "Transactions > Make Journal Entry",
}


def probe(account: Account, pulse: Pulse, ask: Ask, sources: Mapping[str, Source]) -> Probe:
    """Every stream with its count, every table that is not shown, and rows that are named and not shown."""
    found = [
        *(_stream(name, source, pulse) for name, source in sources.items()),
        *(
            Capability(
                table, False, f"not shown (permission: {PERMISSION[table]})", "what it holds is left out"
            )
            for table in OPTIONAL
            if not account.has(table)
        ),
        *_hidden(ask),
    ]
    return Probe(
        "NetSuite",
        "SuiteQL",
        account.settings.account,
        tuple(found),
        {"time zone of the session": pulse.zone.name},
    )


def _stream(name: str, source: Source, pulse: Pulse) -> Capability:
    counted = pulse.arms[source.pulse[0]].n if source.pulse and source.counted else None
    return Capability(name, True, "" if counted is None else f"{counted:,} records")


def _hidden(ask: Ask) -> Iterator[Capability]:
    """Links name both their documents with their types, documents name their customers: who is named and not shown is hidden."""
    kinds = ", ".join(f"'{kind}'" for kind in RECEIVABLES)
    sides = " UNION ALL ".join(
        f"SELECT k.{side}type AS kind, COUNT(*) AS n FROM nexttransactionlinelink k LEFT JOIN transaction t ON t.id = k.{side}doc"
        f" WHERE k.{side}type IN ({kinds}) AND t.id IS NULL GROUP BY k.{side}type"
        for side in ("previous", "next")
    )
    customers = (
        f"SELECT 'customer' AS kind, COUNT(*) AS n FROM transaction t LEFT JOIN customer c ON c.id = t.entity"
        f" WHERE t.type IN ({kinds}) AND t.entity IS NOT NULL AND c.id IS NULL"
    )
    hidden: dict[str, int] = {}
    for row in ask(f"{sides} UNION ALL {customers}", "permissions"):
        hidden[str(row["kind"])] = hidden.get(str(row["kind"]), 0) + int(row["n"])
    for kind, n in hidden.items():
        if n:
            permission = _KINDS.get(kind, "Lists > Customers, and subsidiaries of the role: all")
            detail = f"{n:,} are named and not shown (permission: {permission})"
            yield Capability(f"visible {kind}", False, detail, "what they settle cannot be told")


def certificate(settings: Settings, today: date) -> Iterator[Capability]:
    """Said a month before a certificate ends: NetSuite maps a new one only by hand."""
    ends = settings.auth.expires if isinstance(settings.auth, ClientCredentials) else None
    if ends is not None and ends - today < timedelta(days=30):
        told = f"ends on {ends.isoformat()}: map a new one at Setup > Integration > OAuth 2.0 Client Credentials Setup"
        yield Capability("certificate", False, told, "then nothing can be read")
