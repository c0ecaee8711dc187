"""Runs all checks of a cut and writes its certificate and control totals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal
from types import MappingProxyType
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Connection, Engine

from sync_engine.records import ControlTotal
from sync_engine.store.controls import balances, completeness, missing, settlement
from sync_engine.store.controls.certificate import (
    Certificate,
    Check,
    Difference,
    certified,
    write_certificate,
)
from sync_engine.store.controls.context import Ground, collect_open_items, survey, take_room
from sync_engine.store.db import run_many, run_sql, transaction

NOTHING: Mapping[str, str] = MappingProxyType({})


def reconcile(
    connection: Connection,
    source: str,
    run_id: UUID,
    cut_id: int,
    totals: Sequence[ControlTotal],
    *,
    unanswered: Mapping[str, str] = NOTHING,
    untold: Mapping[str, str] = NOTHING,
    beside: Engine | None = None,
    allowed_missing: float = missing.SHARE,
) -> Certificate:
    """Compares the cut with what the source states and writes canonical.certificate and engine.control_total.

    `unanswered` maps wire entities whose totals could not be asked to the reason, `untold` wire entities to what reading them
    cannot tell. `beside` gives a second connection, for a cut that is committed: whether all is there is then looked at while the
    amounts are added up, which halves the time. `allowed_missing` is the share that C14 lets pass. Raises StoreError for an unknown
    cut. Runs inside the caller's transaction.
    """
    ground = survey(connection, source, run_id, cut_id, totals, unanswered, allowed_missing)
    with ThreadPoolExecutor(1, "certify") as second:
        counting = second.submit(_count_beside, beside, ground) if beside else None
        take_room(connection)
        ground = collect_open_items(ground)
        has_applications = settlement.collect_what_does_not_add_up(ground)
        amounts = _add_up(ground, has_applications)
        counted = counting.result() if counting else _count(ground)
    checks = (
        counted.accounted,
        *amounts,
        counted.tomorrow,
        completeness.nothing_is_there_twice(ground, counted.documents, counted.twice),
        *completeness.what_is_not_told(ground, untold, has_applications, settlement.withheld(ground)),
        missing.nothing_is_missing(ground, counted.accounted.figures["streams"], missing.open_money(ground)),
        *completeness.landed_files_are_whole(ground),
        *completeness.what_was_odd(ground),
    )
    certificate = certified(source, cut_id, checks, claims_money=ground.claims_money)
    write_certificate(connection, certificate)
    _write_totals(ground, checks)
    return certificate


def what_is_missing(
    connection: Connection, source: str, run_id: UUID, cut_id: int, *, allowed_missing: float = missing.SHARE
) -> Check:
    """C14 alone, of a cut for which the source was not asked; writes nothing. Raises StoreError for an unknown cut."""
    ground = collect_open_items(survey(connection, source, run_id, cut_id, (), NOTHING, allowed_missing))
    return missing.nothing_is_missing(ground, completeness.lines_of(ground), missing.open_money(ground))


class Counted(NamedTuple):
    """What is there: C1 and C11, and what C12 stands on beside the open items."""

    documents: completeness.Documents
    accounted: Check
    tomorrow: Check
    twice: Sequence[Difference]


def _count_beside(store: Engine, ground: Ground) -> Counted:
    with transaction(store, "counting the cut") as connection:
        return _count(replace(ground, connection=connection))


def _count(ground: Ground) -> Counted:
    take_room(ground.connection)
    documents = completeness.count_documents(ground)
    return Counted(
        documents,
        completeness.records_are_accounted_for(ground, documents),
        completeness.nothing_is_from_tomorrow(ground, documents),
        completeness.duplicates(ground),
    )


def _add_up(ground: Ground, has_applications: bool) -> tuple[Check, ...]:
    """C2 to C10: what it amounts to."""
    return (
        balances.open_keys_agree(ground),
        balances.open_amounts_agree(ground),
        balances.open_base_amount_agrees(ground),
        balances.debtor_balances_agree(ground),
        settlement.documents_add_up(ground, has_applications),
        settlement.payments_add_up(ground, has_applications),
        balances.ageing_agrees(ground),
        balances.control_account_agrees(ground),
        settlement.roll_forward_holds(ground),
    )


def _write_totals(ground: Ground, checks: Sequence[Check]) -> None:
    """The figures behind the certificate. Balances per debtor are kept only where they differ: there are many, and most agree."""
    run_sql(ground.connection, "DELETE FROM engine.control_total WHERE cut_id = :cut", cut=ground.cut_id)
    base = ground.base_currency or ""
    stated = {total.currency or base: total for total in ground.stated("open_amount")}
    rows = [
        _total(
            "document",
            "open_amount",
            "",
            currency,
            stated[currency].value if currency in stated else None,
            ours,
        )
        for currency, ours in ground.balances().items()
    ]
    rows.extend(
        _total(total.entity, "open_amount", "", currency, total.value, None)
        for currency, total in stated.items()
        if currency not in ground.opened
    )
    lines = {line["entity"]: line for line in checks[0].figures["streams"]}
    for total in ground.stated("count"):
        line = lines.get(total.entity)
        rows.append(
            _total(
                total.entity, "count", "", "", total.value, None if line is None else Decimal(line["known"])
            )
        )
    for check, name in ((checks[3], "open_amount_base"), (checks[8], "control_account")):
        if check.verdict != "not_answerable":
            rows.append(
                _total(
                    "document", name, "", base, _number(check.source_value), _number(check.canonical_value)
                )
            )
    rows.extend(
        _total(total.entity, "ageing", total.key, base, total.value, None)
        for total in ground.stated("ageing")
    )
    rows.extend(
        _total("debtor", "debtor_balance", d.key, base, _number(d.source_value), _number(d.canonical_value))
        for d in checks[4].sample
    )
    run_many(
        ground.connection,
        """
        INSERT INTO engine.control_total (cut_id, entity, name, key, currency, source_value, canonical_value)
        VALUES (:cut, :entity, :name, :key, :currency, CAST(:source AS numeric), CAST(:canonical AS numeric))
        """,
        [{"cut": ground.cut_id, **row} for row in rows],
    )


def _number(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _total(
    entity: str, name: str, key: str, currency: str, source: Decimal | None, canonical: Decimal | None
) -> dict[str, Any]:
    return {
        "entity": entity,
        "name": name,
        "key": key,
        "currency": currency,
        "source": source,
        "canonical": canonical,
    }
