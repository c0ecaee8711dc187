"""What a row says only by reference: the account it belongs to, followed to the one it was merged into, and its currency by code.

A merged account stays as a row, inactive and dead; what belongs to it belongs to its master. [facts: section 6, cases 13 and 15]
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec

from connectors.dynamics_crm.old_values import LOGICAL_NAME
from connectors.dynamics_crm.tables import Table, lookup_name
from connectors.toolkit.damaged_rows import DECODING, DamagedRow
from connectors.toolkit.rows import Fields, Row, spliced

ACCOUNT, CURRENCY = "@syncEngine.account", "@syncEngine.currency"
"""Members that are put into a row: the id of an account, or null, and an ISO code."""
_TRANSACTION = lookup_name("TransactionCurrencyId")


class _Merged(msgspec.Struct):
    account: str = msgspec.field(name="accountid")
    master: str = msgspec.field(name="_masterid_value")
    modified: datetime | None = msgspec.field(default=None, name="modifiedon")


class _Currency(msgspec.Struct):
    id: str = msgspec.field(name="transactioncurrencyid")
    code: str = msgspec.field(name="isocurrencycode")


_MERGED = Fields(_Merged, ("account", "master"))
_CURRENCY = Fields(_Currency, ("id", "code"))


class Masters:
    """Which account lives on in which."""

    def __init__(self, rows: Iterable[Row] = ()) -> None:
        self._master: dict[str, str] = {}
        self._at: dict[str, datetime] = {}
        for found in _MERGED.all(rows):
            self._master[found.account.lower()] = found.master.lower()
            if found.modified is not None:
                self._at[found.account.lower()] = found.modified

    def of(self, account: str) -> str:
        """The last account of a chain of mergers: itself where it was not merged, or where the chain is a ring."""
        seen, now = {account}, account
        while (ahead := self._master.get(now)) is not None:
            if ahead in seen:
                return account
            seen.add(ahead)
            now = ahead
        return now

    def since(self, moment: datetime) -> list[str]:
        """The accounts whose merger may be newer than this."""
        return sorted(account for account, at in self._at.items() if at >= moment)


class Followed:
    """Puts into rows what they say by reference."""

    def __init__(self, masters: Masters, currencies: Iterable[Row]) -> None:
        self.masters = masters
        self._codes = {found.id.lower(): found.code for found in _CURRENCY.all(currencies)}

    def rows(self, table: Table, rows: Sequence[Row]) -> Sequence[Row]:
        """The rows of a set, each with the members that it needs."""
        return [self._row(table, row) for row in rows]

    def _row(self, table: Table, row: Row) -> Row:
        if isinstance(row, DamagedRow):
            return row
        text = bytes(row)
        try:
            members = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
        except DECODING:
            return row
        if table.account is not None:
            text = spliced(
                text, ACCOUNT, msgspec.json.encode(self._account(members, lookup_name(table.account)))
            )
        if _TRANSACTION in members:
            code = self._codes.get((_said(members.get(_TRANSACTION)) or "").lower())
            text = spliced(text, CURRENCY, msgspec.json.encode(code))
        return msgspec.Raw(text)

    def _account(self, members: dict[str, msgspec.Raw], lookup: str) -> str | None:
        """A lookup may refer to a contact as well: its id is no account's."""
        said, of = _said(members.get(lookup)), _said(members.get(f"{lookup}@{LOGICAL_NAME}"))
        return None if not said or of not in (None, "account") else self.masters.of(said.lower())


def _said(value: msgspec.Raw | None) -> str | None:
    found = None if value is None else msgspec.json.decode(value)
    return found if isinstance(found, str) else None
