"""Every fault by its class name, for the admin API."""

from __future__ import annotations

from typing import Any

from tests.simulators.business_central.faults import Fault
from tests.simulators.business_central.spoiled_answers import Spoils


def _kinds(base: type[Fault]) -> dict[str, type[Fault]]:
    found = {base.__name__: base}
    for below in base.__subclasses__():
        found.update(_kinds(below))
    return found


def make_fault(kind: str, **given: Any) -> Fault:
    """A fault by its class name; raises KeyError."""
    made = {**_kinds(Fault), **_kinds(Spoils)}
    return {name: fault for name, fault in made.items() if name not in ("Fault", "Answers", "Spoils")}[kind](
        **given
    )
