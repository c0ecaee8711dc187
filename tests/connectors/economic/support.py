"""A source over the simulator with a database of its own, and what canonical says beside what the books say."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, text

from sync_engine.config import SourceConfig
from sync_engine.lake import Lake
from sync_engine.ops.decisions import links
from sync_engine.ops.decisions.plan import apply
from sync_engine.ops.runs.source_run import Ran, Runtime, run_source
from sync_engine.store.claims.quarantine import put_aside, request_retry
from sync_engine.store.db import transaction
from tests.connectors.economic.stage import CONNECTION, EconomicStage

SOURCE = {
    "source": "economic",
    "connector": "economic",
    "connection": CONNECTION,
    "portfolio": {"dimension": "customer_group"},
    "sweep": {"brake_from": 50},
}


@dataclass
class Company:
    """The source, its books, and what canonical says about it."""

    stage: EconomicStage
    store: Engine
    lake: Path

    def run(self, hours: float = 1, **how: Any) -> Ran:
        """One run, an hour after the last one."""
        self.stage.books.time.sleep(3600 * hours)
        config = SourceConfig.model_validate(SOURCE)
        return run_source(self.runtime, config, connector=self.stage.open(), **how)

    def rows(self, statement: str, **given: Any) -> list[tuple[Any, ...]]:
        """All rows of a statement."""
        with self.store.connect() as connection:
            return [tuple(row) for row in connection.execute(text(statement), given)]

    @property
    def runtime(self) -> Runtime:
        """What operations of this company work with."""
        return Runtime(self.store, Lake(str(self.lake)), self.stage.books.time)

    def doubts(self) -> dict[str, str]:
        """Keys of which nobody knows whose they are now, and why."""
        with self.store.connect() as connection:
            return {one.key: one.message for one in put_aside(connection) if one.error == "IdentityInDoubt"}

    def release(self) -> None:
        """A person lets everything try again."""
        with transaction(self.store, "releasing") as connection:
            request_retry(connection, [one.quarantine_id for one in put_aside(connection)])

    def part(self, number: str, vanished: str) -> None:
        """A person says that a number is not the customer that had another one."""
        found = self.rows(
            "SELECT canonical_id FROM canonical.link WHERE entity = 'debtor' AND source = 'economic' AND external_id = :key",
            key=vanished,
        )
        planned = links.not_the_same(self.runtime, "economic", number, str(found[0][0]), by="ada")
        apply(self.runtime, planned.hash, by="ada")

    def settle(self) -> bool:
        """A person decides every doubt as a fresh load would: each number is a customer of its own. False where nothing is in doubt."""
        doubts = self.doubts()
        for number, why in doubts.items():
            if looks_like := re.search(r"looks like (\d+), which is gone", why):
                self.part(number, looks_like[1])
        self.release()
        return bool(doubts)

    def open_items(self) -> dict[str, Decimal]:
        """Entry number -> what is open of it, as the ledger signs it."""
        return dict(
            self.rows("""
            SELECT entry_no, CASE kind WHEN 'credit_note' THEN -open_amount ELSE open_amount END FROM canonical.document
            WHERE deleted_at IS NULL AND open_amount <> 0
            UNION ALL
            SELECT entry_no, CASE kind WHEN 'refund' THEN unapplied_amount ELSE -unapplied_amount END FROM canonical.payment
            WHERE deleted_at IS NULL AND unapplied_amount <> 0
            """)
        )

    def true_open_items(self) -> dict[str, Decimal]:
        """The same from the books."""
        return {str(entry["number"]): entry["remainder"] for entry in self.stage.books.open_entries()}

    def settled(self) -> dict[tuple[str, str], Decimal]:
        """What settled what, by entry numbers."""
        return {
            (one, other): amount
            for one, other, amount in self.rows(
                "SELECT split_part(external_id, '|', 1), split_part(external_id, '|', 2), amount FROM canonical.application WHERE deleted_at IS NULL"
            )
        }

    def true_settled(self) -> dict[tuple[str, str], Decimal]:
        """The same from the books."""
        return {(str(one), str(other)): amount for (one, other), amount in self.stage.books.matched.items()}

    def portfolios(self) -> dict[str, str | None]:
        """Number of a debtor -> name of its portfolio."""
        return dict(
            self.rows("""
            SELECT d.number, p.name FROM canonical.debtor d LEFT JOIN canonical.portfolio p ON p.id = d.portfolio_id
            WHERE d.deleted_at IS NULL
            """)
        )

    def true_portfolios(self) -> dict[str, str | None]:
        """The same from the books."""
        books = self.stage.books
        return {str(number): books.groups[row["group"]]["name"] for number, row in books.customers.items()}


def verdicts(ran: Ran) -> dict[str, str]:
    """Code of a check -> its verdict."""
    assert ran.certificate is not None
    return {check.code: check.verdict for check in ran.certificate.checks}
