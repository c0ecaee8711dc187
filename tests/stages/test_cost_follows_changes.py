"""What a run costs follows what changed, not how much there is: counted in statements, rows touched and rows looked at."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Connection, Engine, event

from tests.simulators.business_central.clock import SimulatorClock
from tests.simulators.business_central.world import Company
from tests.stages.snapshots import another_database
from tests.stages.support import Rig, bench_of, rig_on

SIZES = (12, 48)
"""Debtors; each with a contact and two invoices."""
TEN = 10
WRITING = ("INSERT", "UPDATE", "DELETE", "MERGE")
READ_WHOLE = 'DELETE FROM staging."bc__seen"'
"""What a source says without a stamp of change is read whole; of what is the same, the keys are noted until it is compared."""
LANDED = "engine.lake_manifest m JOIN engine.stream t USING (stream_id)"
"""In the statements that compare landed files with the manifest."""
IN_VAIN = "INSERT INTO engine.unresolved_reference"
REFERRING = "r.claim ->> 'bill_to_number' IN ("
"""In the statement that looks for debtors that name a new debtor by its number."""


@dataclass
class Cost:
    """What the statements of a run were: how often each was sent, and how many rows it wrote."""

    statements: Counter[str] = field(default_factory=Counter)
    touched: Counter[str] = field(default_factory=Counter)


@contextmanager
def statements_of(store: Engine) -> Iterator[Cost]:
    """Counts the statements that a store is sent."""
    cost = Cost()

    def after(
        _connection: Connection, cursor: Any, statement: str, _values: object, _context: object, _many: bool
    ) -> None:
        shown = " ".join(statement.split())[:2000]
        cost.statements[shown] += 1
        if shown.startswith(WRITING) and not shown.startswith(READ_WHOLE):
            cost.touched[shown] += max(cursor.rowcount, 0)

    event.listen(store, "after_cursor_execute", after)
    try:
        yield cost
    finally:
        event.remove(store, "after_cursor_execute", after)


def counted(rig: Rig) -> AbstractContextManager[Cost]:
    """Counts the statements of the rig's store."""
    return statements_of(rig.store)


@contextmanager
def rigs(
    monkeypatch: pytest.MonkeyPatch, template: str, sizes: tuple[int, ...] = SIZES
) -> Iterator[list[Rig]]:
    """A rig of each size, over databases of their own; all is read in one page."""
    with ExitStack() as opened:
        folder = Path(opened.enter_context(tempfile.TemporaryDirectory()))
        yield [
            opened.enter_context(
                rig_on(
                    bench_of(monkeypatch, world=of_size(size)),
                    opened.enter_context(another_database(template)),
                    folder / str(place),
                    connection={"page_size": 500, "document_page_size": 500},
                )
            )
            for place, size in enumerate(sizes)
        ]


def of_size(debtors: int) -> Callable[[Company, SimulatorClock], None]:
    """A company with so many debtors."""

    def world(company: Company, time: SimulatorClock) -> None:
        company.add_currency("EUR", "Euro")
        company.add_exchange_rate("EUR", date(2026, 1, 1), Decimal(85))
        company.add_payment_term("30 DAYS", "Net 30", 30)
        company.add_dimension("CUSTOMERGROUP", "Customer group")
        company.add_dimension_value("CUSTOMERGROUP", "SMALL", "Small", kind="Standard")
        for number in range(debtors):
            time.advance(timedelta(minutes=1))
            row = company.create_customer(f"Debtor {number} & Co", currency="EUR" if number % 3 == 0 else "")
            company.create_contact(f"Anna Berg{number}", customer=row.number, job_title="Controller")
            company.set_default_dimension(row.number, "CUSTOMERGROUP", "SMALL")
            company.post_invoice(row.id, Decimal(100 + number))
            company.pay_invoice(company.post_invoice(row.id, Decimal("250.50")).id, Decimal(50))

    return world


def test_a_run_with_nothing_new_costs_the_same_at_two_sizes(
    monkeypatch: pytest.MonkeyPatch, migrated_template: str
) -> None:
    """The same statements, and the same rows written."""
    costs = []
    with rigs(monkeypatch, migrated_template) as both:
        for rig in both:
            rig.run_whole()
            rig.advance(hours=1)
            rig.run_whole()
            rig.advance(hours=1)
            with counted(rig) as cost:
                rig.run_whole()
            costs.append(cost)
    _are_alike(*costs)


def test_a_run_with_nothing_new_publishes_nothing(
    monkeypatch: pytest.MonkeyPatch, migrated_template: str
) -> None:
    """Its cut makes no table but that of what it changes, which stays empty; the others are its certificate's, which is whole."""
    with rigs(monkeypatch, migrated_template, SIZES[:1]) as (rig,):
        rig.run_whole()
        rig.advance(hours=1)
        rig.run_whole()
        rig.advance(hours=1)
        with counted(rig) as cost:
            ran = rig.run_whole()
        checks = rig.rows("SELECT cut_id, count(*) FROM canonical.certificate GROUP BY 1 ORDER BY 1")
    made = {sql.split()[3] for sql in cost.statements if sql.startswith("CREATE TEMP TABLE")}
    assert made - {"IF"} == {"control_open", "control_ledger", "control_suspect", "control_differing"}
    looks = [n for sql, n in cost.statements.items() if "normalised_as IS DISTINCT FROM" in sql]
    assert looks == [1]
    assert ran.published is not None
    assert (ran.published.counts, ran.published.changes) == ({}, 0)
    assert [cut for cut, _ in checks][-1] == ran.published.cut_id
    assert len({n for _, n in checks}) == 1


def test_ten_changes_cost_the_same_at_two_sizes(
    monkeypatch: pytest.MonkeyPatch, migrated_template: str
) -> None:
    """Debtors renamed and invoices posted, ten of each; the latest, since what lies shortly before a cursor is read again."""
    costs = []
    with rigs(monkeypatch, migrated_template) as both:
        for rig in both:
            rig.run_whole()
            rig.advance(hours=1)
            rig.run_whole()
            rig.advance(hours=1)
            for customer in list(rig.company.customers.values())[-TEN:]:
                rig.company.edit_customer(customer.id, name=f"{customer.name} again")
                rig.company.post_invoice(customer.id, Decimal(41))
            with counted(rig) as cost:
                rig.run_whole()
            assert cost.touched.total() > TEN
            costs.append(cost)
    _are_alike(*costs)


def test_landed_files_are_looked_up_once_when_all_is_read_again(
    monkeypatch: pytest.MonkeyPatch, migrated_template: str
) -> None:
    """Not once an entity: each look goes through all records. Damage is asked for once more, for the certificate."""
    with rigs(monkeypatch, migrated_template, SIZES[:1]) as (rig,):
        rig.run_whole()
        rig.advance(hours=1)
        with counted(rig) as cost:
            rig.run_whole(full=True)
    looks = {sql: n for sql, n in cost.statements.items() if LANDED in sql}
    assert sorted(looks.values()) == [1, 1]
    assert sum("needed AS MATERIALIZED" in sql for sql in looks) == 1


def test_what_a_document_names_in_vain_is_one_row(
    monkeypatch: pytest.MonkeyPatch, migrated_template: str
) -> None:
    """Whether it is its owner, its terms or both."""
    documents = 3

    def world(company: Company, _time: SimulatorClock) -> None:
        company.add_currency("EUR", "Euro")
        customer = company.create_customer("Berg")
        company.edit_customer(customer.id, salesperson_code="NOBODY", payment_terms_id=str(uuid4()))
        for number in range(documents):
            company.post_invoice(customer.id, Decimal(100 + number))

    with ExitStack() as opened:
        folder = Path(opened.enter_context(tempfile.TemporaryDirectory()))
        database = opened.enter_context(another_database(migrated_template))
        rig = opened.enter_context(rig_on(bench_of(monkeypatch, world=world), database, folder))
        with counted(rig) as cost:
            rig.run_whole()
    assert [n for sql, n in cost.touched.items() if sql.startswith(IN_VAIN)] == [documents]


def _are_alike(small: Cost, large: Cost) -> None:
    assert small.statements.total() > TEN
    assert (large.statements - small.statements, small.statements - large.statements) == ({}, {})
    assert (large.touched - small.touched, small.touched - large.touched) == ({}, {})


def test_claims_are_looked_at_once_to_find_who_refers_to_new_debtors(
    monkeypatch: pytest.MonkeyPatch, migrated_template: str
) -> None:
    """Rows that the plan goes through grow with the debtors, not with their square."""
    gone_through = []
    with rigs(monkeypatch, migrated_template, (1, 1)) as both:
        for rig, size in zip(both, SIZES, strict=True):
            rig.run_whole()
            rig.advance(hours=1)
            for number in range(size):
                rig.company.create_customer(f"New debtor {number}")
            gone_through.append(_rows_gone_through(rig, REFERRING))
    small, large = gone_through
    assert small >= SIZES[0]
    assert large <= small * 2 * SIZES[1] / SIZES[0]


def _rows_gone_through(rig: Rig, part: str) -> int:
    """What the steps of the plans of one statement handle, as it is sent in a whole run; running it twice writes the same."""
    rows: list[int] = []

    def before(
        _connection: Connection, cursor: Any, statement: str, values: Any, _context: object, _many: bool
    ) -> None:
        if part in statement:
            cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", values)
            found = cursor.fetchone()[0]
            rows.append(_handled((json.loads(found) if isinstance(found, str) else found)[0]["Plan"]))

    event.listen(rig.store, "before_cursor_execute", before)
    try:
        rig.run_whole()
    finally:
        event.remove(rig.store, "before_cursor_execute", before)
    assert rows
    return sum(rows)


def _handled(plan: dict[str, Any]) -> int:
    dropped = plan.get("Rows Removed by Filter", 0) + plan.get("Rows Removed by Join Filter", 0)
    own: int = round((plan["Actual Rows"] + dropped) * plan["Actual Loops"])
    return own + sum(_handled(part) for part in plan.get("Plans", ()))
