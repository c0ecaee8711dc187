"""A source over books of the simulator, with a database of its own, and what canonical says about it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, text

from sync_engine.config import SourceConfig
from sync_engine.lake import Lake
from sync_engine.ops.runs.source_run import Ran, Runtime, run_source
from sync_engine.store.db import open_engine
from tests.connectors.netsuite.stage import CONNECTION, NetSuiteStage


@dataclass
class InTheStore:
    """The source, its books, and what canonical says."""

    stage: NetSuiteStage
    store: Engine
    lake: Path
    config: dict[str, Any] = field(default_factory=dict)

    def run(self, *, hours: float = 1, connection: dict[str, Any] | None = None, **how: Any) -> Ran:
        """One run, an hour after the last one."""
        self.stage.books.time.sleep(3600 * hours)
        runtime = Runtime(self.store, Lake(str(self.lake)), self.stage.books.time)
        told = {
            "source": "netsuite",
            "connector": "netsuite",
            "connection": CONNECTION,
            "sweep": {"brake_from": 50},
        }
        config = SourceConfig.model_validate(told | self.config)
        return run_source(runtime, config, connector=self.stage.open(**(connection or {})), **how)

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """All rows of a statement."""
        with self.store.connect() as connection:
            return [tuple(row) for row in connection.execute(text(statement))]

    def one(self, statement: str) -> Any:
        """The first value; None where there is no row."""
        found = self.rows(statement)
        return found[0][0] if found else None

    def open_documents(self) -> dict[str, Decimal]:
        """Key -> open amount, where it is not nought."""
        return dict(
            self.rows(
                """SELECT external_id, open_amount FROM canonical.document
                WHERE deleted_at IS NULL AND open_amount <> 0 AND erp_status <> 'void'"""
            )
        )

    def true_open_documents(self) -> dict[str, Decimal]:
        """The same from the books."""
        headers = self.stage.books.rows(
            """SELECT "id", coalesce("foreignamountunpaid", "foreignpaymentamountunused") FROM "transaction"
            WHERE "type" IN ('CustInvc', 'CustCred') AND "posting" = 'T' AND "voided" = 'F'"""
        )
        lines = self.stage.books.rows(
            """SELECT l."transaction" || '|' || l."id", l."foreignamountunpaid" FROM "transactionline" l
            JOIN "transaction" t ON t."id" = l."transaction" WHERE t."type" = 'Journal' AND l."foreignamountunpaid" IS NOT NULL
              AND NOT EXISTS (SELECT 1 FROM "transaction" v WHERE v."id" = l."createdfrom" AND v."voided" = 'T')"""
        )
        return {str(key): Decimal(str(amount)) for key, amount in (*headers, *lines) if amount}

    def unapplied(self) -> dict[str, Decimal]:
        """Key of a payment -> what is left of it."""
        return dict(
            self.rows(
                "SELECT external_id, unapplied_amount FROM canonical.payment WHERE deleted_at IS NULL AND unapplied_amount <> 0"
            )
        )

    def balances(self) -> dict[str, Decimal]:
        """Key of a debtor -> what it owes in base currency, as canonical adds it up."""
        found: dict[str, Decimal] = {}
        for key, amount in self.rows(
            """SELECT debtor_key, CASE WHEN kind = 'credit_note' THEN -1 ELSE 1 END * open_amount_base FROM canonical.document
               WHERE deleted_at IS NULL AND erp_status <> 'void' AND open_amount <> 0
               UNION ALL SELECT debtor_key, CASE WHEN kind = 'refund' THEN 1 ELSE -1 END * unapplied_amount_base FROM canonical.payment
               WHERE deleted_at IS NULL AND unapplied_amount <> 0"""
        ):
            found[key] = found.get(key, Decimal(0)) + amount
        return {key: amount for key, amount in found.items() if amount}

    def applications(self) -> set[tuple[str, str, Decimal]]:
        """(what was used, what it settled, amount)."""
        return set(
            self.rows(
                """SELECT coalesce(fp.external_id, fd.external_id), coalesce(tp.external_id, td.external_id), a.amount FROM canonical.application a
                LEFT JOIN canonical.payment fp ON fp.id = a.from_id LEFT JOIN canonical.document fd ON fd.id = a.from_id
                LEFT JOIN canonical.payment tp ON tp.id = a.to_id LEFT JOIN canonical.document td ON td.id = a.to_id
                WHERE a.deleted_at IS NULL AND NOT a.is_reversed"""
            )
        )


@contextmanager
def in_the_store(stage: NetSuiteStage, database: str, lake: Path, **config: Any) -> Iterator[InTheStore]:
    """The source of a stage over a database."""
    store = open_engine(database)
    try:
        yield InTheStore(stage, store, lake, config)
    finally:
        store.dispose()


def verdicts(ran: Ran) -> dict[str, str]:
    """Code of a check -> its verdict."""
    assert ran.certificate is not None
    return {check.code: check.verdict for check in ran.certificate.checks}
