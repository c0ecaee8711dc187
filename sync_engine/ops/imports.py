"""One-time imports: the files collections teams know, with a dry run, an answer for every row, and undo.

    owners        customer_id, email_address                     who looks after the customer
    portfolios    customer_id, portfolio_name                    the portfolio, by its exact name
    positions     customer_ref, email_address, position_name     a contact's position; blank clears it
    primary       customer_ref, email_address                    the primary contact; another file says who is not
    groups        customer, parent_customer                      the parent; blank removes it
    debtor-tags   customer, tag
    invoice-tags  invoice, tag [, customer]                      the customer where several have the number
    persons       customer_ref, first_name, last_name, email, phone, position

A customer is named by an ERP's id, else by number, else by exact name. Values are decisions of a person: no pull undoes them.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

from sqlalchemy import Connection, Engine

from sync_engine.canonical.by_hand import Unfit, checked
from sync_engine.canonical.cells import is_failed
from sync_engine.canonical.declared import column_identity
from sync_engine.errors import ConfigurationError
from sync_engine.ops.decisions.names import somebody
from sync_engine.ownership.policy import DEFAULT_POLICY
from sync_engine.platform.tables import Table, read_table
from sync_engine.ports import Clock
from sync_engine.store.change_feed.changes import collect_changes, flush_changes
from sync_engine.store.db import one_at_a_time, transaction
from sync_engine.store.imports import (
    Done,
    Left,
    Outcome,
    apply_rows,
    decide_rows,
    load_rows,
    made,
    outcomes,
    undo,
)
from sync_engine.store.imports.rows import CELLS
from sync_engine.store.publishing.cut import NO_CUT, Cut
from sync_engine.store.publishing.policy import policy_in_force

CUSTOMER = ("customer_id", "customer_ref", "customer", "customer_number", "customer_no")
EMAIL = ("email_address", "email", "e_mail")
OPTIONAL = {
    "invoice-tags": {"customer"},
    "persons": {"first_name", "last_name", "email", "phone", "position"},
}
KINDS: dict[str, dict[str, tuple[str, ...]]] = {
    "owners": {"customer": CUSTOMER, "email": EMAIL},
    "portfolios": {"customer": CUSTOMER, "value": ("portfolio_name", "portfolio")},
    "positions": {"customer": CUSTOMER, "email": EMAIL, "value": ("position_name", "position")},
    "primary": {"customer": CUSTOMER, "email": EMAIL},
    "groups": {"customer": CUSTOMER, "value": ("parent_customer", "parent", "parent_customer_id")},
    "debtor-tags": {"customer": CUSTOMER, "value": ("tag", "tag_name")},
    "invoice-tags": {
        "invoice": ("invoice", "invoice_number", "invoice_no", "invoice_id"),
        "value": ("tag", "tag_name"),
        "customer": CUSTOMER,
    },
    "persons": {
        "customer": CUSTOMER,
        "first_name": ("first_name",),
        "last_name": ("last_name",),
        "email": EMAIL,
        "phone": ("phone", "phone_number"),
        "position": ("position", "position_name"),
    },
}
"""Kind -> cell -> the headings it may stand under; case, blanks, dots, hyphens and underscores do not count."""


TYPED: dict[str, dict[str, tuple[str, str]]] = {
    "persons": {
        cell: ("contact", cell) for cell in ("email", "first_name", "last_name", "phone", "position")
    },
    "positions": {"value": ("contact", "position")},
    "debtor-tags": {"value": ("debtor", "name")},
    "invoice-tags": {"value": ("debtor", "name")},
}
"""Kind -> cell -> the entity and field whose values it takes; other cells name records that must be there. A tag is text as a name is."""


@dataclass(slots=True)
class Report:
    """What a file says row by row. read = applied + unchanged + refused; in a dry run `applied` is what would be, and `import_id` is None."""

    kind: str
    file: str
    read: int = 0
    applied: int = 0
    unchanged: int = 0
    refused: int = 0
    import_id: int | None = None
    changed_records: int = 0
    rows: list[Outcome] = field(default_factory=list)


class Undone(NamedTuple):
    """What taking an import back came to; `left` are decisions somebody made again since."""

    import_id: int
    restored: int
    left: list[Left]


@dataclass(frozen=True, slots=True)
class Written:
    """How a file is written, where it cannot be found out."""

    encoding: str | None = None
    delimiter: str | None = None
    sheet: str | None = None


AS_USUAL = Written()


def plan_import(
    store: Engine, kind: str, path: Path, *, primary: bool = True, written: Written = AS_USUAL
) -> Report:
    """What the import would do; writes nothing. `primary` tells which of the two primary files it is.

    Raises ConfigurationError for an unknown kind or a missing column, SourceError for a file that cannot be read.
    """
    return plan_table(store, kind, _table(kind, path, written), primary=primary)


def plan_table(store: Engine, kind: str, table: Table, *, primary: bool = True) -> Report:
    """As `plan_import`, of rows that stand in no file."""
    with transaction(store, "planning an import") as connection:
        return _decided(connection, kind, table, primary)


def apply_import(
    store: Engine,
    kind: str,
    path: Path,
    *,
    who: str,
    clock: Clock,
    why: str | None = None,
    primary: bool = True,
    written: Written = AS_USUAL,
) -> Report:
    """Imports a file in one transaction: good rows are applied, bad ones refused with line, column and what to do. Raises like `plan_import`.

    What the rows touch is folded on the day that `clock` says: a pinned value ends by it.
    """
    table = _table(kind, path, written)
    return apply_table(store, kind, table, _digest(path), who=who, clock=clock, why=why, primary=primary)


def apply_table(
    store: Engine,
    kind: str,
    table: Table,
    digest: str,
    *,
    who: str,
    clock: Clock,
    why: str | None = None,
    primary: bool = True,
) -> Report:
    """As `apply_import`, of rows that stand in no file; `digest` (SHA-256, hexadecimal) tells what they came from."""
    who = somebody(who)
    with transaction(store, "importing a file") as connection:
        one_at_a_time(connection)
        cut = _cut(connection, who, clock)
        report = _decided(connection, kind, table, primary)
        counts = {"applied": report.applied, "unchanged": report.unchanged, "refused": report.refused}
        done = apply_rows(cut, kind, table.name, digest, counts, by=who, why=why)
        report.import_id, report.changed_records = done
        flush_changes(connection, run_id=None, cut_id=None, actor=who)
        return report


def undo_import(store: Engine, import_id: int, *, who: str, clock: Clock, why: str | None = None) -> Undone:
    """Takes an import back; what somebody decided again since stays. Raises ConfigurationError for an unknown or undone import."""
    who = somebody(who)
    with transaction(store, "undoing an import") as connection:
        one_at_a_time(connection)
        cut = _cut(connection, who, clock)
        restored, left = undo(cut, import_id, by=who, why=why)
        flush_changes(connection, run_id=None, cut_id=None, actor=who)
        return Undone(import_id, restored, left)


def past_imports(store: Engine) -> list[Done]:
    """Every import there was, the newest first."""
    with transaction(store, "reading the imports") as connection:
        return made(connection)


def _cut(connection: Connection, who: str, clock: Clock) -> Cut:
    """What people do between two cuts, folded by the policy in force."""
    collect_changes(connection)
    now = clock.now()
    return Cut(
        connection,
        "",
        "",
        uuid4(),
        NO_CUT,
        now,
        now.date(),
        policy_in_force(connection) or DEFAULT_POLICY,
        "",
        who,
        accept_moves=True,
    )


def _table(kind: str, path: Path, written: Written) -> Table:
    if kind not in KINDS:
        raise ConfigurationError(f"there is no import {kind!r}", todo=f"There are: {', '.join(KINDS)}.")
    return read_table(path, encoding=written.encoding, delimiter=written.delimiter, sheet=written.sheet)


def _decided(connection: Connection, kind: str, table: Table, primary: bool) -> Report:
    places = _places(kind, table)
    load_rows(connection, _rows(table, places, kind))
    decide_rows(
        connection, kind, {cell: table.header[place] for cell, place in places.items()}, primary=primary
    )
    rows = outcomes(connection)
    counts = Counter(row.outcome for row in rows)
    return Report(
        kind, table.name, len(rows), counts["applied"], counts["unchanged"], counts["refused"], rows=rows
    )


def _places(kind: str, table: Table) -> dict[str, int]:
    """Where each cell stands in the file. Raises ConfigurationError that lists the columns there are, or those that are called alike."""
    there = {_bare(name): place for place, name in reversed([*enumerate(table.header)])}
    found = {
        cell: there[named]
        for cell, names in KINDS[kind].items()
        if (named := next((b for b in map(_bare, names) if b in there), None)) is not None
    }
    missing = [
        names[0]
        for cell, names in KINDS[kind].items()
        if cell not in found and cell not in OPTIONAL.get(kind, ())
    ]
    if kind == "persons" and not {"email", "first_name", "last_name"} & set(found):
        missing.append("email")
    for place in found.values():
        if (
            len(
                alike := [
                    f"{n} ({name})"
                    for n, name in enumerate(table.header, 1)
                    if _once(name) == _once(table.header[place])
                ]
            )
            > 1
        ):
            raise ConfigurationError(
                f"the columns {' and '.join(alike)} could both be meant",
                whose=table.name,
                todo="Nothing was imported. Delete or rename the one that is not meant.",
            )
    if missing:
        raise ConfigurationError(
            f"the column {' and '.join(missing)} is missing",
            whose=table.name,
            todo=f"The file has: {', '.join(table.header)}. An import of {kind} needs {', '.join(n[0] for n in KINDS[kind].values())}.",
        )
    return found


def _bare(heading: str) -> str:
    return column_identity(heading).replace(" ", "")


def _once(heading: str) -> str:
    """A heading as the file has it: the reader numbers those that occur again."""
    return _bare(re.sub(r" \(\d+\)$", "", heading))


def _rows(table: Table, places: dict[str, int], kind: str) -> Iterator[list[str | int | None]]:
    typed = {
        CELLS.index(cell): (cell, meant) for cell, meant in TYPED.get(kind, {}).items() if cell in places
    }
    order = [places.get(cell) for cell in CELLS]
    for number, cells, wrong in table.rows:
        said = [None if p is None or wrong else cells[p] for p in order]
        column = None
        if wrong := wrong or next(filter(None, map(_unusable, said)), ""):
            said = [None] * len(CELLS)
        for place, (cell, meant) in typed.items():
            try:
                said[place] = checked(*meant, said[place])
            except Unfit as why:
                wrong, column = wrong or str(why), column or table.header[places[cell]]
        yield [number, *said, wrong or None, column]


def _unusable(cell: str | None) -> str:
    """Why nobody can have meant a cell; empty for one that can be used."""
    if cell is None:
        return ""
    if "\x00" in cell:
        return "holds a NUL character: the file is damaged, or written in another encoding"
    return f"holds {cell.strip()}: a formula of the spreadsheet failed" if is_failed(cell) else ""


def _digest(path: Path) -> str:
    found = hashlib.sha256()
    with path.open("rb") as source:
        while chunk := source.read(1 << 20):
            found.update(chunk)
    return found.hexdigest()
