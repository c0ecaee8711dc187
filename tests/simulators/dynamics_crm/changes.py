"""How a CRM takes a change through either service: what it refuses, and with which words. [facts: section 3.6, 5.1, 5.2, 6]"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, NamedTuple

from tests.simulators.dynamics_crm.state import TABLES, Crm

LENGTHS = {
    ("account", "Name"): 160,
    ("account", "AccountNumber"): 20,
    ("account", "Telephone1"): 50,
    ("account", "Address1_City"): 80,
}
INACTIVE = 1


class NotTaken(NamedTuple):
    """Why a change was not taken."""

    status: int
    code: str
    message: str


def change(crm: Crm, logical: str, key: str, given: dict[str, Any]) -> NotTaken | None:
    """Takes a change of some columns, by schema name with plain values, or says why not. Everything is looked at before anything is changed."""
    columns, row = TABLES[logical].columns, crm.rows[logical].get(key)
    if row is None:
        return NotTaken(404, "0x80040217", f"{logical} With Id = {key} Does Not Exist")
    if row["StateCode"] == INACTIVE:
        return NotTaken(400, "0x80040203", f"The {logical} is inactive and can not be changed")
    taken: dict[str, Any] = {}
    for name, value in given.items():
        what = columns.get(name)
        if what not in ("text", "money", "bool", "whole"):
            return NotTaken(
                400,
                "0x80048d19",
                f"Invalid property '{name}' was found in entity 'Microsoft.Dynamics.CRM.{logical}'",
            )
        longest = LENGTHS.get((logical, name))
        if what == "text" and longest and len(value or "") > longest:
            text = f"A validation error occurred. The length of the '{name.lower()}' attribute exceeded the maximum allowed length of '{longest}'."
            return NotTaken(400, "0x80044331", text)
        taken[name] = (
            (value or None)
            if what == "text"
            else Decimal(str(value))
            if what == "money" and value is not None
            else value
        )
    crm.touch(logical, key, **taken)
    return None
