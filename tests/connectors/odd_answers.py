"""Answers made odd on their way to a connector, whatever its transport: one value of one row of one list, in every way a value can be."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import httpx

from sync_engine.errors import SyncError
from sync_engine.ports import Connector, ListsKeys, Normaliser, ReadsOneDebtor, StatesTotals
from sync_engine.records import RawRecord
from tests.connectors.business_central.fuzzing import BYTES, HERE, VALUES
from tests.connectors.support import is_made_up

LISTS = ("items", "collection")
"""Where an answer has its rows."""


@dataclass
class OddTransport(httpx.BaseTransport):
    """Hands on what another transport answers. `at` is the answer with rows that is made odd, counted from nought; none with None."""

    inner: httpx.BaseTransport
    at: int | None = None
    seed: str = ""
    seen: int = 0
    said: str = ""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = self.inner.handle_request(request)
        body = response.read()
        if response.status_code != 200 or body[:1] not in b"{[":
            return response
        page = json.loads(body)
        name = next((n for n in LISTS if isinstance(page, dict) and page.get(n)), None)
        if name is None:
            return response
        self.seen += 1
        if self.at != self.seen - 1:
            return response
        odd = self._spoil(page[name])
        headers = {k: v for k, v in response.headers.items() if k.lower() != "content-length"}
        text = json.dumps(page, ensure_ascii=False).encode().replace(f'"{HERE}"'.encode(), odd)
        self.said += f" of {request.url.path} {request.content.decode()[:200]}"
        return httpx.Response(200, headers=headers, content=text)

    def _spoil(self, rows: list[Any]) -> bytes:
        """Makes one value of one row odd; gives what is put in place of a value that no JSON encoder writes."""
        chance = random.Random(self.seed)
        place, kind = chance.randrange(len(rows)), chance.choice([*VALUES, *BYTES, "delete", "no object"])
        self.said = f"{kind} in row {place}"
        if kind == "no object":
            rows[place] = chance.choice([None, 7, "text", [], True])
            return b""
        row = rows[place]
        inner = [n for n, v in row.items() if isinstance(v, dict) and v]
        if inner and chance.random() < 0.5:
            row = row[chance.choice(inner)]
        name = chance.choice(sorted(row))
        self.said += f" at {name}"
        if kind == "delete":
            del row[name]
            return b""
        row[name] = HERE if kind in BYTES else VALUES[kind](chance, row[name])
        return BYTES.get(kind, b"")


@dataclass
class Tried:
    """A question about a connector, how many answers with rows it takes, and what of it can be used when nothing is odd."""

    name: str
    ask: Callable[[Connector], list[RawRecord]]
    entity: str = ""
    answers: int = 0
    usable: set[str] = field(default_factory=set)


def records_of(entity: str, since: Any, opened: Connector) -> list[RawRecord]:
    """The records of one pull."""
    return [record for batch in opened.pull(entity, since) for record in batch.records]


def totals_of(entity: str, opened: Any) -> object:
    """What the source states of an entity."""
    return opened.count(entity), opened.totals(entity)


def keys_of(entity: str, opened: Any) -> object:
    """The list of an entity's keys."""
    return list(opened.keys(entity))


def asks_only(ask: Callable[[Any], object], opened: Connector) -> list[RawRecord]:
    """Asks what gives no records."""
    ask(opened)
    return []


def questions(opened: Connector, debtor: str) -> Iterator[Tried]:
    """All that a run, the doctor and a person ask for."""
    for entity in opened.streams:
        yield Tried(f"all {entity}", partial(records_of, entity, None), entity)
        cursors = [batch.resume_from for batch in opened.pull(entity, None) if batch.resume_from]
        if cursors:
            yield Tried(f"changed {entity}", partial(records_of, entity, cursors[-1]), entity)
        if isinstance(opened, StatesTotals):
            yield Tried(f"totals of {entity}", partial(asks_only, partial(totals_of, entity)))
        if isinstance(opened, ListsKeys):
            yield Tried(f"keys of {entity}", partial(asks_only, partial(keys_of, entity)))
    if isinstance(opened, ReadsOneDebtor):
        yield Tried("one debtor", partial(asks_only, lambda o: list(o.pull_debtor(debtor))))
    yield Tried("probe", partial(asks_only, lambda o: o.probe()))


def usable(normaliser: Normaliser, entity: str, records: Sequence[RawRecord]) -> set[str]:
    """The keys that become drafts or are excluded; each key is in exactly one of drafts, failed, excluded, unreadable."""
    readable = [(record.key, record.payload) for record in records if not record.unreadable]
    told = normaliser.normalise(entity, readable)
    used = [draft.key for draft in told.drafts] + [exclusion.key for exclusion in told.excluded]
    assert sorted([*used, *(key for key, _ in told.failed)]) == sorted(key for key, _ in readable)
    return set(used)


def wrong_answers(
    make: Callable[[OddTransport], Connector],
    inner: httpx.BaseTransport,
    normaliser: Normaliser,
    debtor: str,
    *,
    tried: int,
    seed: str,
    fatal: Mapping[str, str],
) -> Iterator[str]:
    """What went wrong with odd answers: another error than ours, a whole stream lost, neighbours lost.

    `fatal`: a path, or words of an error, that may stop a stream -> why.
    """
    calm = list(questions(make(OddTransport(inner)), debtor))
    for question in calm:
        counting = OddTransport(inner)
        records = question.ask(make(counting))
        question.answers = counting.seen
        question.usable = usable(normaliser, question.entity, records) if question.entity else set()
    asked = [question for question in calm if question.answers]
    for number in range(tried):
        question = asked[number % len(asked)]
        chance = random.Random(f"{seed} {number}")
        odd = OddTransport(inner, chance.randrange(question.answers), f"{seed} {number}")
        try:
            records = question.ask(make(odd))
            left = usable(normaliser, question.entity, records) if question.entity else set()
        except SyncError as error:
            if question.entity and not any(where in f"{odd.said} {error}" for where in fatal):
                yield f"{number} {question.name}: {odd.said}: costs everything: {error}"
        except Exception as error:  # noqa: BLE001 - what kind it is is what is asked
            yield f"{number} {question.name}: {odd.said}: none of our errors: {error!r}"
        else:
            if question.entity:
                lost = question.usable - left
                if len(lost) > 1 and not any(is_made_up(record.key) for record in records):
                    yield f"{number} {question.name}: {odd.said}: {len(lost)} of {len(question.usable)} did not arrive"
