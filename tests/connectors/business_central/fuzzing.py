"""Mutated answers of the simulator: one value of one row, of any endpoint, made odd in every way a value can be."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from connectors.business_central import BusinessCentral
from sync_engine.records import Cursor, RawRecord
from tests.connectors.support import Bench
from tests.simulators.business_central.catalogue import catalogues
from tests.simulators.business_central.faults import API, Fault
from tests.simulators.business_central.http import Request, Response

HERE = "here the bytes are put in place"
"""Stands for what no JSON encoder writes, until the page is encoded."""

Odd = Callable[[random.Random, Any], Any]
VALUES: dict[str, Odd] = {
    "flip": lambda chance, value: (
        not value
        if isinstance(value, bool)
        else -value
        if isinstance(value, int)
        else str(value)[::-1] + chance.choice("x!ø")
    ),
    "null": lambda chance, value: None,
    "retype": lambda chance, value: chance.choice(
        [7, -1, 1.5, 10**30, True, "n/a", "NaN", "1e999", [], {}, [value], "0001-01-01", "9999-99-99"]
    ),
    "nest": lambda chance, value: {"x": [[value]]},
    "truncate": lambda chance, value: str(value)[: len(str(value)) // 2],
    "blank": lambda chance, value: "",
    "control": lambda chance, value: f"a{chance.choice(chr(0) + chr(31) + chr(10) + chr(127))}b",
    "endless": lambda chance, value: "k" * 6000,
}
BYTES: dict[str, bytes] = {
    "half a character": rb'"cut \ud83c"',
    "another code page": b'"S\xd8N"',
    "a raw control character": b'"a\x00b"',
    "deep": b"[" * 1500 + b"]" * 1500,
    "no number": b"NaN",
}
PAGES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "an odd link": lambda page: page.update({"@odata.nextLink": 7}),
    "a link to nowhere": lambda page: page.update({"@odata.nextLink": "http://["}),
    "an odd count": lambda page: page.update({"@odata.count": "many"}),
    "an error": lambda page: page.update({"error": {"code": 7, "message": ["x"]}}),
    "no list": lambda page: page.update({"value": {"x": 1}}),
}


@dataclass
class Mutation(Fault):
    """Makes the answers about one entity set odd, always in the same place; `said` tells what was done."""

    entity_set: str
    seed: str
    said: str = ""
    of_page: bool = False

    def __post_init__(self) -> None:
        super().__init__(match=rf"{API}.*/{re.escape(self.entity_set)}(\(|\?|$)", times=1)

    def after(self, request: Request, response: Response) -> Response:
        page: dict[str, Any] | None = response.payload
        if (
            response.status != 200
            or page is None
            or not isinstance(page.get("value"), list)
            or not page["value"]
            or not self.strikes(request)
        ):
            return response
        chance = random.Random(self.seed)
        rows: list[Any] = page["value"]
        odd = b""
        place = chance.randrange(min(len(rows), 5))
        kind = chance.choice([*VALUES, *BYTES, "delete", "no object", *PAGES])
        self.said, self.of_page = f"{self.entity_set} row {place}: {kind}", kind in PAGES
        if kind in PAGES:
            PAGES[kind](page)
        elif kind == "no object":
            rows[place] = chance.choice([None, 7, "text", [], True])
        else:
            row: dict[str, Any] = dict(rows[place])
            rows[place] = row
            inner = [
                name
                for name, value in row.items()
                if isinstance(value, list) and value and isinstance(value[0], dict)
            ]
            if inner and chance.random() < 0.5:
                name = chance.choice(inner)
                row[name] = [dict(line) for line in row[name]]
                row = row[name][chance.randrange(len(row[name]))]
            name = chance.choice(sorted(row))
            self.said += f" of {name}"
            if kind == "delete":
                del row[name]
            else:
                row[name], odd = (
                    (HERE, BYTES[kind]) if kind in BYTES else (VALUES[kind](chance, row[name]), b"")
                )
        response.body, response.payload = response.encoded().replace(f'"{HERE}"'.encode(), odd), None
        return response


@dataclass(frozen=True)
class Question:
    """Something that is asked of a connector; a stream has an entity, and a cursor where only changes are asked for."""

    name: str
    ask: Callable[[BusinessCentral], list[RawRecord]]
    entity: str = ""


def of_stream(entity: str, since: Cursor | None, opened: BusinessCentral) -> list[RawRecord]:
    """The records of one pull."""
    return [record for batch in opened.pull(entity, since) for record in batch.records]


def _totals(entity: str, opened: BusinessCentral) -> object:
    return opened.totals(entity)


def nothing(ask: Callable[[BusinessCentral], object], opened: BusinessCentral) -> list[RawRecord]:
    """Asks what gives no records."""
    ask(opened)
    return []


def questions(opened: BusinessCentral, debtor: str) -> Iterator[Question]:
    """All that a run, the doctor and a person ask for."""
    for entity in opened.streams:
        yield Question(f"all {entity}", partial(of_stream, entity, None), entity)
        cursor = next(
            (batch.resume_from for batch in reversed(list(opened.pull(entity, None))) if batch.resume_from),
            None,
        )
        if cursor is not None:
            yield Question(f"changed {entity}", partial(of_stream, entity, cursor), entity)
        yield Question(f"totals of {entity}", partial(nothing, partial(_totals, entity)))
    yield Question("keys", partial(nothing, lambda o: list(o.keys("customers"))))
    yield Question(
        "one debtor", lambda o: [record for batch in o.pull_debtor(debtor) for record in batch.records]
    )
    yield Question("probe", partial(nothing, lambda o: o.probe()))
    yield Question("companies", partial(nothing, lambda o: o.discover()))
    yield Question("subscriptions", partial(nothing, lambda o: o.rows("subscriptions")))


def asked_sets(there: Bench, opened: BusinessCentral, question: Question) -> set[str]:
    """The entity sets of the simulator's catalogue that a question is answered from."""
    there.simulator.log.clear()
    question.ask(opened)
    names = {
        name
        for catalogue in catalogues(there.simulator.world.installation).values()
        for name in catalogue.sets
    } | {"companies", "environments"}
    asked = {
        word for logged in there.simulator.log for word in re.findall(r"/(\w+)(?=[(?/]|$)", logged.target)
    }
    return names & asked
