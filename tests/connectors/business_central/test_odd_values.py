"""Fields that the connector decodes by itself, each odd in turn: the neighbours arrive, and nothing escapes our errors."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from connectors.business_central import BusinessCentral
from sync_engine.records import ControlTotal, RecordBatch
from tests.connectors.support import Bench, bench, is_made_up, read, rows, unread
from tests.simulators.business_central.faults import Fault
from tests.simulators.business_central.http import Request
from tests.simulators.business_central.spoiled_answers import MalformedRecord, Rewrites, Spoils

ODD: tuple[Any, ...] = (None, 7, "n/a")
NAMES = ["null", "a number", "text"]
NEW, OLD = 26, 22
"""Versions of Business Central: to the old one every customer is a question of its own, whose contacts they are."""


class Retypes(Spoils):
    """A field of the first row is something else."""

    def __init__(self, name: str, value: Any, **when: Any) -> None:
        super().__init__(**when)
        self.name, self.value = name, value

    def spoil(self, request: Request, payload: dict[str, Any]) -> None:
        if payload["value"] and self.name in payload["value"][0]:
            payload["value"][0][self.name] = self.value


class NoObject(Spoils):
    """The first row is no object."""

    def __init__(self, value: Any, **when: Any) -> None:
        super().__init__(**when)
        self.value = value

    def spoil(self, request: Request, payload: dict[str, Any]) -> None:
        payload["value"][:1] = [self.value]


def everything(opened: BusinessCentral) -> tuple[dict[str, list[RecordBatch]], list[ControlTotal]]:
    """All that a run asks for."""
    return {name: read(opened, name) for name in opened.streams}, [
        total for name in opened.streams for total in opened.totals(name)
    ]


def spoiled(
    monkeypatch: pytest.MonkeyPatch, *faults: Fault, version: int = NEW, **settings: Any
) -> tuple[Bench, dict[str, list[RecordBatch]], list[ControlTotal]]:
    """A company read whole under these faults."""
    there = bench(monkeypatch, version=version)
    there.simulator.inject(*faults)
    found, totals = everything(there.open(page_size=500, document_page_size=500, **settings))
    return there, found, totals


FIELDS = [
    (r"/contacts(\?|$)", "companyName"),
    (r"/contacts(\?|$)", "companyNumber"),
    (r"/customers\?.*displayName", "displayName"),
    (r"/customers(\?|$)", "id"),
    ("contactsInformation", "contactId"),
    ("/customerContacts", "customerName"),
    ("customerFinancialDetails", "balance"),
    ("customerFinancialDetails", "id"),
    ("detailedCustomerLedgerEntries", "entryNumber"),
    ("/customerLedgerEntries", "entryNumber"),
    ("agedAccountsReceivables", "period1Amount"),
    ("agedAccountsReceivables", "customerId"),
    ("agedAccountsReceivables", "period1Label"),
    ("api/v2.0/companies$", "displayName"),
    ("/salesInvoices", "id"),
    ("/defaultDimensions", "lastModifiedDateTime"),
]


@pytest.fixture(scope="module")
def calm() -> Iterator[dict[int, dict[str, list[RecordBatch]]]]:
    """By version: what is read of the same company where nothing is odd."""
    with pytest.MonkeyPatch.context() as patch:
        yield {version: spoiled(patch, version=version)[1] for version in (NEW, OLD)}


@pytest.mark.parametrize("value", ODD, ids=NAMES)
@pytest.mark.parametrize(
    ("match", "name"), FIELDS, ids=[f"{re.findall(r'[A-Za-z]+', match)[-1]}.{name}" for match, name in FIELDS]
)
def test_an_odd_field_costs_its_record(
    match: str,
    name: str,
    value: Any,
    calm: dict[int, dict[str, list[RecordBatch]]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Every field that reading itself depends on, one odd value: all streams are read to their end with all their other records."""
    odd = Retypes(name, value, match=match)
    version = OLD if match == "contactsInformation" or "displayName" in match else NEW
    _, found, totals = spoiled(monkeypatch, odd, version=version)
    assert odd.struck
    for entity, batches in calm[version].items():
        lost = rows(batches).keys() - rows(found[entity]).keys()
        assert len(lost) <= (odd.struck if match == entity else 1), (entity, lost)
        assert not lost or any(map(is_made_up, rows(found[entity]))), entity
    assert {total.name for total in totals} >= {"count", "debtor_balance"}


@pytest.mark.parametrize("value", [None, "text"], ids=["null", "text"])
def test_a_first_row_that_is_no_object_costs_itself(value: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every set, its first row something else: it is told under a key of its own, the others arrive."""
    calm, _ = everything(bench(monkeypatch).open(page_size=500, document_page_size=500))
    for entity in calm:
        there = bench(monkeypatch)
        opened = there.open(page_size=500, document_page_size=500)
        path = opened._site.offer.entities[entity].path
        there.simulator.inject(NoObject(value, match=rf"/{path}(\?|$)"))
        found = read(opened, entity)
        assert len(rows(calm[entity]).keys() - rows(found).keys()) <= 1, entity
        assert found[-1].complete
        assert not calm[entity][0].records or all(map(is_made_up, unread(found))), entity


def test_rows_alike_without_a_key_are_as_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two rows that are both nothing are two records that cannot be used: neither hides the other."""
    there = bench(monkeypatch)
    there.simulator.inject(
        Rewrites(
            lambda body: re.sub(rb'"value":\s*\[', b'"value":[null,null,7,', body),
            match=r"/customers(\?|$)",
            times=1,
        )
    )
    found = read(there.open(page_size=500), "customers")
    assert len(unread(found)) == 3
    assert all(map(is_made_up, unread(found)))


def test_an_odd_cell_leaves_its_figure_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sum of which a part cannot be read is no figure; the others are stated, the balances of other debtors too."""
    _, _, calm = spoiled(monkeypatch)
    _, _, found = spoiled(
        monkeypatch, MalformedRecord("period1Amount", "n/a", place=-1, match="agedAccountsReceivables")
    )
    missing = {(total.name, total.key) for total in calm} - {(total.name, total.key) for total in found}
    assert [name for name, _ in missing] == ["ageing"]
    _, _, found = spoiled(
        monkeypatch, MalformedRecord("balance", "n/a", match="customerFinancialDetails")
    )  # told with the card and with the balance
    assert (
        len([t for t in calm if t.name == "debtor_balance"])
        - len([t for t in found if t.name == "debtor_balance"])
        == 2
    )


@pytest.mark.parametrize("odd", [b"", b"-1", b"12.5", b"many", b"9" * 5000, b"\xff\xfe", b"<html>"], ids=repr)
def test_an_odd_count_counts_nothing(odd: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then the other way of counting is asked, and neither is believed when both are odd."""
    there = bench(monkeypatch)
    opened = there.open()
    assert opened.streams
    there.simulator.inject(Rewrites(lambda _: odd, match=r"/\$count"))
    assert opened.count("customers") == len(there.company.customers)


@pytest.mark.parametrize("damage", [rb"\ud83c", b"\xd8"], ids=["half a character", "another code page"])
def test_damaged_text_anywhere_costs_its_record(damage: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one text of each set in turn: every other record arrives."""
    there = bench(monkeypatch)
    calm, _ = everything(there.open(page_size=500, document_page_size=500))
    for entity, batches in calm.items():
        opened = there.open(page_size=500, document_page_size=500)
        path = opened._site.offer.entities[entity].path
        there.simulator.inject(
            Rewrites(
                lambda body: body.replace(b'":"', b'":"' + damage, 2).replace(b'":"' + damage, b'":"', 1),
                match=rf"/{path}(\?|$)",
            )
        )
        found = read(opened, entity)
        assert len(rows(batches).keys() - rows(found).keys()) <= 1, entity
        there.simulator.heal()
