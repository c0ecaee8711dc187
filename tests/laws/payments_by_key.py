"""A company without a customer ledger: its books as they are, written as files, and what follows from them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Engine, text

from sync_engine.config import SourceConfig
from sync_engine.lake import Lake
from sync_engine.ops.runs.source_run import Ran, Runtime, run_source
from sync_engine.platform.clock import SystemClock
from sync_engine.store.db import open_engine
from tests.simulators.files import write_csv

START = date(2026, 1, 1)


class Record(NamedTuple):
    """An invoice, a credit note, a payment or a refund."""

    kind: str
    debtor: str
    amount: int
    day: int
    states: int | None = None
    """What it says is open or unapplied; None where it says nothing."""


class Settled(NamedTuple):
    """So much of one record settled another one on a day."""

    used: str
    settled: str
    amount: int
    day: int
    is_reversed: bool = False


@dataclass
class Books:
    """Everything by its source key: K debtors, D documents, P payments, A applications."""

    debtors: set[str] = field(default_factory=lambda: {"K0", "K1", "K2"})
    records: dict[str, Record] = field(default_factory=lambda: {"D0": Record("invoice", "K0", 100, 1), "P0": Record("payment", "K0", 100, 1)})  # fmt: skip
    applications: dict[str, Settled] = field(default_factory=lambda: {"A0": Settled("P0", "D0", 1, 2)})
    gone: dict[str, Any] = field(default_factory=dict)
    written: set[str] = field(default_factory=set)
    """Records that were in a list once."""

    def is_known(self, key: str) -> bool:
        """Whether there is such a record, of a debtor that there is."""
        return key in self.records and self.records[key].debtor in self.debtors

    def live(self) -> dict[str, Settled]:
        """Applications whose two records are known."""
        return {
            k: a for k, a in self.applications.items() if self.is_known(a.used) and self.is_known(a.settled)
        }

    def rest(self, key: str, on: date | None = None) -> int:
        """What is left of a record, by what was applied up to a day."""
        return self.records[key].amount - sum(
            a.amount
            for a in self.live().values()
            if not a.is_reversed and key in (a.used, a.settled) and (on is None or _day(a.day) <= on)
        )

    def write(self, folder: Path, *, states: bool) -> None:
        """All files as they are now. With `states` invoices and payments say what is left of them."""
        _list(folder / "debtors.csv", ["No", "Name"], [[k, f"{k} Ltd"] for k in sorted(self.debtors)])
        self.written |= self.records.keys()
        for name, prefix, left in (("documents", "D", "Open"), ("payments", "P", "Unused")):
            rows = [
                [
                    *(key, record.debtor, record.kind, _day(record.day), record.amount),
                    *([self.rest(key) if self.is_known(key) else record.amount] if states else []),
                ]
                for key, record in sorted(self.records.items())
                if key.startswith(prefix)
            ]
            heading = ["No", "Debtor", "Kind", "Date", "Amount", *([left] if states else [])]
            _list(folder / f"{name}.csv", heading, rows)
        _list(
            folder / "applications.csv",
            ["No", "Payment", "Credit", "Document", "Refund", "Amount", "Date", "Undone"],
            [
                [
                    *(key, *_ends(a.used), *reversed(_ends(a.settled)), a.amount, _day(a.day)),
                    "yes" if a.is_reversed else "no",
                ]
                for key, a in sorted(self.applications.items())
            ],
        )


def _list(path: Path, heading: list[str], rows: Sequence[Sequence[object]]) -> None:
    write_csv(path, (heading, [[str(cell) for cell in row] for row in rows]))


def _day(n: int) -> date:
    return START + timedelta(days=n)


def _ends(key: str) -> list[str]:
    return [key, ""] if key.startswith("P") else ["", key]


def _add(books: Books, n: int, amount: int) -> None:
    kind = ("invoice", "credit_note", "payment", "refund")[n % 4]
    key = f"{'P' if kind in ('payment', 'refund') else 'D'}{len(books.records) + len(books.gone) + 1}"
    books.records[key] = Record(kind, f"K{n % 3}", amount, n % 20)


def _apply(books: Books, n: int, amount: int) -> None:
    giving = [k for k, r in sorted(books.records.items()) if r.kind in ("payment", "credit_note")]
    owing = [k for k, r in sorted(books.records.items()) if r.kind in ("invoice", "refund")]
    books.applications[f"A{len(books.applications) + len(books.gone) + 1}"] = Settled(
        giving[n % len(giving)], owing[amount % len(owing)], amount, 20 + n % 30
    )


def _application(books: Books, n: int) -> str:
    return sorted(books.applications)[n % len(books.applications)]


def _undo(books: Books, n: int, amount: int) -> None:
    key = _application(books, n)
    books.applications[key] = books.applications[key]._replace(
        is_reversed=not books.applications[key].is_reversed
    )


def _unapply(books: Books, n: int, amount: int) -> None:
    if len(books.applications) > 1:
        key = _application(books, n)
        books.gone[key] = books.applications.pop(key)


def _redirect(books: Books, n: int, amount: int) -> None:
    key, owing = (
        _application(books, n),
        [k for k, r in sorted(books.records.items()) if r.kind in ("invoice", "refund")],
    )
    books.applications[key] = books.applications[key]._replace(
        settled=[*owing, "D999"][amount % (len(owing) + 1)], amount=amount
    )


def _delete(books: Books, n: int, amount: int) -> None:
    """Of documents and payments one of each stays, since a list without rows is no list."""
    keys = [k for k in sorted(books.records) if k not in ("D0", "P0")]
    if keys:
        key = keys[n % len(keys)]
        books.gone[key] = books.records.pop(key)


def _return(books: Books, n: int, amount: int) -> None:
    if books.gone:
        key = sorted(books.gone)[n % len(books.gone)]
        (books.applications if key[0] == "A" else books.records)[key] = books.gone.pop(key)


def _change(books: Books, n: int, amount: int) -> None:
    key = sorted(books.records)[n % len(books.records)]
    books.records[key] = books.records[key]._replace(amount=amount)


def _newcomer(books: Books, n: int, amount: int) -> None:
    """A new document or payment of a debtor who is only known later.

    One that was published before stays as it was while its new debtor is not known: it waits in quarantine like any odd record.
    """
    new = sorted(books.records.keys() - books.written)
    if f"K{3 + n % 2}" not in books.debtors and new:
        key = new[n % len(new)]
        books.records[key] = books.records[key]._replace(debtor=f"K{3 + n % 2}")


def _enrol(books: Books, n: int, amount: int) -> None:
    books.debtors.add(f"K{3 + n % 2}")


HAPPENINGS: dict[str, Callable[[Books, int, int], None]] = {
    "add": _add, "apply": _apply, "undo": _undo, "unapply": _unapply, "redirect": _redirect, "delete": _delete, "return": _return,
    "change": _change, "newcomer": _newcomer, "enrol": _enrol,
}  # fmt: skip


@dataclass
class Reader:
    """One store that reads the books."""

    store: Engine
    config: SourceConfig
    folder: Path

    def run(self) -> Ran:
        """One run of the whole source."""
        return run_source(Runtime(self.store, Lake(str(self.folder)), SystemClock()), self.config)

    def rows(self, statement: str, **values: Any) -> list[tuple[Any, ...]]:
        """All rows of a statement."""
        with self.store.connect() as connection:
            return [tuple(r) for r in connection.execute(text(statement), values)]

    def owed(self, view: str, column: str) -> dict[str, int]:
        """A column of a view by debtor, added up, by source key; without nought."""
        found = self.rows(f"""
            SELECT l.external_id, sum(v.{column}) FROM canonical.{view} v JOIN canonical.link l ON l.entity = 'debtor' AND l.canonical_id = v.debtor_id
            GROUP BY 1 HAVING sum(v.{column}) <> 0
            """)
        return {str(key): int(Decimal(amount)) for key, amount in found}

    def amounts(self, table: str, column: str) -> dict[str, int]:
        """What is left of each living record, by its source key."""
        return {
            str(k): int(Decimal(v))
            for k, v in self.rows(
                f"SELECT external_id, {column} FROM canonical.{table} WHERE deleted_at IS NULL"
            )
        }


@contextmanager
def reading(url: str, exports: Path, lake: Path, *, states: bool) -> Iterator[Reader]:
    """A reader of the books in a folder, with a database and a lake of its own."""
    lists: dict[str, Any] = {
        "debtor": ({"Name": "name"}, "debtors"),
        "document": ({"Debtor": "debtor_key", "Kind": "kind", "Date": "posting_date", "Amount": "total", "Open": "open_amount"}, "documents"),
        "payment": ({"Debtor": "debtor_key", "Kind": "kind", "Date": "payment_date", "Amount": "amount", "Unused": "unapplied_amount"}, "payments"),
        "application": ({"Payment": "payment_key", "Credit": "credit_note_key", "Document": "document_key", "Refund": "refund_key", "Amount": "amount",
                         "Date": "applied_on", "Undone": "is_reversed"}, "applications"),
    }  # fmt: skip
    left_out = () if states else ("Open", "Unused")
    config = SourceConfig.model_validate(
        {
            "source": "books",
            "connector": "files",
            "connection": {
                "folder": str(exports),
                "entities": {name: {"path": f"{file}.csv", "key": "No"} for name, (_, file) in lists.items()},
                "company": {"name": "Books Ltd", "base_currency": "GBP", "country": "GB"},
            },
            "mapping": {
                "entities": {
                    name: {"fields": {f: c for c, f in columns.items() if c not in left_out}}
                    for name, (columns, _) in lists.items()
                }
            },
            "sweep": {"brake": 1},
        }
    )
    store = open_engine(url)
    try:
        yield Reader(store, config, lake)
    finally:
        store.dispose()
