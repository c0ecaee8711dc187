"""A ledger to measure, and its figures by SQL."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import strategies as st
from sqlalchemy import Engine, create_engine

from sync_engine.canonical import metrics as m
from tests.store.ledger_rows import Rows

T = date(2025, 5, 23)


def ago(days: int) -> date:
    """So many days before T."""
    return T - timedelta(days=days)


# --- the same in SQL


@pytest.fixture
def engine(database: str) -> Iterator[Engine]:
    """A migrated database."""
    made = create_engine(database)
    yield made
    made.dispose()


@pytest.fixture
def ledger(engine: Engine) -> Iterator[Rows]:
    """An empty ledger."""
    with engine.connect() as connection:
        yield Rows(connection)


def put(ledger: Rows, debtor: Any, document: m.Document) -> None:
    """Stores a document of the Python reference, with its settlements."""
    made = ledger.document(
        debtor,
        document.total,
        document.open_amount,
        kind=document.kind,
        issue_date=document.issued,
        due_date=document.due,
        closed_date=document.closed,
        erp_status=document.status,
        total_base=document.total_base,
        open_amount_base=document.open_base,
        currency="USD",
    )
    for settlement in document.settlements:
        payment = ledger.payment(
            debtor, settlement.amount, 0, currency="USD", payment_date=settlement.applied_on
        )
        ledger.application(
            payment, made, settlement.amount, settlement.applied_on, settlement.reversed_on, currency="USD"
        )


def overall(ledger: Rows, day: date = T) -> dict[str, tuple[Decimal | None, str | None, int, dict[str, int]]]:
    """The metrics of the whole source."""
    rows = ledger.rows(
        "SELECT metric, value, status, n_included, n_excluded FROM canonical.metrics_at(:t) WHERE scope = 'overall'",
        t=day,
    )
    return {metric: (value, status, n, left_out) for metric, value, status, n, left_out in rows}


days = st.integers(-60, 120)
