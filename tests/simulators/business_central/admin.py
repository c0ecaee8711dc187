"""The admin API under /_admin/: change data, move the clock, inject faults, look at the truth - all over HTTP."""

import inspect
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, get_type_hints

import msgspec

from tests.simulators.business_central.clock import SimulatorClock
from tests.simulators.business_central.fault_kinds import make_fault
from tests.simulators.business_central.http import Request, Response
from tests.simulators.business_central.records import Row
from tests.simulators.business_central.state import ActionRefused
from tests.simulators.business_central.world import Company, Installation

if TYPE_CHECKING:
    from tests.simulators.business_central.app import BusinessCentralSimulator

SIMPLE = (str, int, bool, float, Decimal, date, datetime)


class Admin:
    """One method per path; every answer is JSON."""

    def __init__(self, simulator: "BusinessCentralSimulator") -> None:
        self.simulator = simulator

    def answer(self, request: Request) -> Response:
        """Route; a refused or misspelt action is a 400 that says why."""
        name = request.path.removeprefix("/_admin/").strip("/")
        handlers: dict[tuple[str, str], Callable[[Any], Any]] = {
            ("POST", "act"): self.act,
            ("GET", "actions"): lambda _: sorted(self.actions()),
            ("POST", "faults"): self.inject,
            ("GET", "faults"): lambda _: self.list_faults(),
            ("DELETE", "faults"): lambda _: self.simulator.heal(),
            ("POST", "clock"): self.move_clock,
            ("GET", "clock"): lambda _: {"now": self.simulator.world.clock()},
            ("GET", "state"): lambda _: self.state(),
            ("GET", "log"): lambda _: [vars(x) for x in self.simulator.log],
            ("DELETE", "log"): lambda _: self.simulator.log.clear(),
            ("POST", "installation"): self.change_installation,
            ("GET", "installation"): lambda _: vars(self.simulator.world.installation),
            ("GET", "settings"): lambda _: self.settings(),
        }
        handler = handlers.get((request.method, name))
        if handler is None:
            return _json(
                404, {"error": f"no {request.method} {name}", "known": [f"{m} {n}" for m, n in handlers]}
            )
        try:
            return _json(200, handler(request.json()))
        except (ActionRefused, KeyError, TypeError, ValueError) as refused:
            return _json(400, {"error": f"{type(refused).__name__}: {refused}"})

    # Actions --------------------------------------------------------------------------------------

    def actions(self) -> dict[str, Callable[..., Any]]:
        """The business actions of a company by name."""
        return {
            name: member
            for name, member in inspect.getmembers(Company, inspect.isfunction)
            if not name.startswith("_") and name not in _NOT_ACTIONS
        }

    def act(self, given: dict[str, Any]) -> Any:
        """`{"action": "post_payment", "company": optional, ...arguments}`; gives what was made."""
        arguments = dict(given)
        name, company = arguments.pop("action"), arguments.pop("company", None)
        late = arguments.pop("committed_late_seconds", 0)
        world = self.simulator.world
        if name == "rename_company":
            return world.rename_company(company or world.company().id, arguments["name"])
        method = self.actions().get(name)
        if method is None:
            raise ActionRefused(f"There is no action {name}; known: {', '.join(sorted(self.actions()))}")
        hints = get_type_hints(method)
        typed = {key: _typed(value, hints.get(key)) for key, value in arguments.items()}
        if late:
            with world.committed_late(timedelta(seconds=late)):
                return _result(method(world.company(company), **typed))
        return _result(method(world.company(company), **typed))

    def inject(self, given: dict[str, Any]) -> Any:
        """`{"kind": "Throttled", "every": 3, ...}`."""
        arguments = dict(given)
        self.simulator.inject(make_fault(arguments.pop("kind"), **arguments))
        return self.list_faults()

    def list_faults(self) -> list[dict[str, Any]]:
        return [
            {"kind": type(x).__name__, "match": x.match.pattern, "left": x.left, "struck": x.struck}
            for x in self.simulator.faults
        ]

    def move_clock(self, given: dict[str, Any]) -> Any:
        """`{"advance_seconds": 60}`, `{"advance_days": 1}` or `{"set": "2026-01-01T00:00:00Z"}`."""
        clock = self.simulator.world.clock
        if not isinstance(clock, SimulatorClock):
            raise ActionRefused("This simulator's clock cannot be moved.")
        if "set" in given:
            clock.set(datetime.fromisoformat(given["set"]).astimezone(UTC))
        clock.advance(timedelta(days=given.get("advance_days", 0), seconds=given.get("advance_seconds", 0)))
        return {"now": clock()}

    def change_installation(self, given: dict[str, Any]) -> Any:
        """Change what is installed, published or permitted: any field of Installation."""
        installed = self.simulator.world.installation
        hints = get_type_hints(Installation)
        for name, value in given.items():
            if name not in hints:
                raise ActionRefused(f"Installation has no field {name}.")
            setattr(installed, name, msgspec.convert(value, hints[name], strict=False))
        return vars(installed)

    # Looking --------------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """Per company: counts, open per currency, local total, control account, ageing as of today."""
        world = self.simulator.world
        return {
            "now": world.clock(),
            "max_in_flight": self.simulator.max_in_flight,
            "requests": len(self.simulator.log),
            "tokens_issued": self.simulator.tokens.issued,
            "companies": {name.id: self._company_state(name) for name in world.companies.values()},
        }

    def _company_state(self, company: Company) -> dict[str, Any]:
        totals = company.open_totals()
        return {
            "name": company.name,
            "local_currency": company.local_currency,
            "counts": company.counts(),
            "open_per_currency": totals.per_currency,
            "open_local": totals.local,
            "open_entries": totals.open_entries,
            "receivables_in_general_ledger": company.receivables_in_general_ledger(),
            "ageing": company.ageing(company.today()),
        }

    def settings(self) -> dict[str, Any]:
        """Where the companies are; the secret is only in the ready file."""
        installed = self.simulator.world.installation
        return {
            "tenant_id": installed.tenant_id,
            "environment": installed.environment,
            "client_id": installed.client_id,
            "companies": {x.name: x.id for x in self.simulator.world.companies.values()},
        }


_NOT_ACTIONS = {
    "touch", "store", "drop", "round", "to_local", "by_code", "next_number", "customer", "document", "post", "today",
    "customer_even_deleted", "refresh_document", "remaining_at", "entry", "company_contact", "relation_of",
}  # fmt: skip


def _typed(value: Any, hint: Any) -> Any:
    """A JSON value as the action's parameter type (Decimal, date, ...)."""
    if hint is None or hint is object or value is None:
        return value
    return msgspec.convert(value, hint, strict=False)


def _result(made: Any) -> Any:
    """What an action made, with the fields that identify it."""
    if isinstance(made, Row) or (is_dataclass(made) and not isinstance(made, type)):
        shown = {f.name: getattr(made, f.name) for f in fields(made)}
        return {k: v for k, v in shown.items() if isinstance(v, SIMPLE) or v is None}
    return made


def _json(status: int, body: Any) -> Response:
    text = msgspec.json.encode(body, enc_hook=str)
    return Response(status, body=text, headers={"Content-Type": "application/json"})
