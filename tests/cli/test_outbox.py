"""`outbox`: what waits, what was refused, and a person's word, with Business Central as the source that is written."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cli.desk import Desk
from tests.simulators.business_central.records import Customer

HELD = {"writable": {"debtor": {"name": {"direction": "both", "strategy": "hold"}, "city": "both"}}}


@pytest.fixture
def customer(desk: Desk) -> Customer:
    """A customer whose name and city a person may set here."""
    desk.configure(more=HELD)
    desk.json("run", "bc")
    return next(row for row in desk.company.customers.values() if row.name)


def pinned(desk: Desk, customer: Customer, field: str, value: str) -> None:
    """A person sets a field."""
    desk.json("links", "pin", customer.number, field, value, "--apply", "--why", "the register says so")


def rows(desk: Desk, *arguments: str) -> list[dict[str, Any]]:
    """What the outbox has."""
    found: list[dict[str, Any]] = desk.json("outbox", "list", *arguments)["outbox"]
    return found


def test_a_held_write_is_shown_approved_and_sent(desk: Desk, customer: Customer) -> None:
    """The dry run shows the request with its etag and sends nothing; the run after the approval does."""
    pinned(desk, customer, "name", "HANSEN & SØN A/S")
    before = customer.name
    [row] = rows(desk, "bc")
    assert (row["state"], row["strategy"], row["wanted"]) == ("pending", "hold", {"name": "HANSEN & SØN A/S"})
    assert "held" in desk.run("outbox", "list").out
    number = str(row["outbox_id"])
    assert desk.json("run", "bc")["delivered"]["wait for a person"] == 1
    assert "1 waiting for a person" in desk.run("status").out
    desk.json("outbox", "approve", number, "--as", "ada")
    [planned] = desk.json("outbox", "deliver", "bc", "--dry-run")["planned"]
    assert planned["request"]["what"] == "PATCH"
    assert planned["request"]["fields"] == {"displayName": "HANSEN & SØN A/S"}
    assert planned["request"]["conditions"]["If-Match"].startswith("W/")
    assert "displayName = HANSEN & SØN A/S" in desk.run("outbox", "deliver", "bc", "--dry-run").out
    assert customer.name == before
    assert desk.json("outbox", "deliver", "bc")["delivered"]["sent"] == 1
    assert customer.name == "HANSEN & SØN A/S"
    desk.json("run", "bc")
    assert rows(desk) == []
    [settled] = rows(desk, "--all")
    assert (settled["state"], settled["decided_by"]) == ("delivered", "ada")
    assert "decided by ada" in desk.run("outbox", "show", number).out


def test_a_refused_write_is_told_everywhere(desk: Desk, customer: Customer) -> None:
    """Exit code 6 of the run that met it, the words in the outbox, red in `status --check` until it is left alone."""
    pinned(desk, customer, "city", "Llanfairpwllgwyngyll" * 3)
    said = desk.run("run", "bc")
    assert (said.code, "1 refused" in said.out) == (6, True)
    [row] = rows(desk)
    assert "must be less than or equal to" in row["answer"]
    number = str(row["outbox_id"])
    assert "sync-engine outbox list bc" in desk.run("certificate", "bc").out
    assert desk.run("status", "--check").code == 6
    assert desk.run("run", "bc").code == 0
    assert desk.run("status", "--check").code == 6
    desk.json("outbox", "discard", number)
    assert desk.run("status", "--check").code == 0
    desk.json("outbox", "retry", "--source", "bc")
    assert desk.run("run", "bc").code == 6


def test_what_cannot_be_is_said(desk: Desk, customer: Customer) -> None:
    """No row of this number, none named, nothing writable, another environment."""
    assert customer.number
    assert desk.run("outbox", "show", "17").code == 2
    assert "say which rows" in desk.run("outbox", "approve").err
    assert "cannot be retried" in desk.run("outbox", "retry", "17").err
    desk.patch.setenv("SYNC_ENGINE_ENVIRONMENT", "test")
    assert "this engine is for test" in desk.run("outbox", "deliver", "bc").err
    desk.patch.delenv("SYNC_ENGINE_ENVIRONMENT")
    desk.configure()
    assert "nothing of this source is writable" in desk.run("outbox", "deliver", "bc").err
