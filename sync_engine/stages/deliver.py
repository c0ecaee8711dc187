"""deliver: tells a source what was decided otherwise than it states, field by field, where its YAML lets it be written.

A record is always read before it is written, so nothing is sent that is there already, nothing is sent twice after a time-out, and nothing is
written over an edit that no fold has seen: that record is landed, folded again, and what is wanted then is sent.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from sync_engine.config import SourceConfig
from sync_engine.errors import (
    AuthenticationFailed,
    ConfigurationError,
    MappingFailed,
    SourceError,
    TransientError,
)
from sync_engine.platform.home import engine_environment
from sync_engine.ports import WritesBack, WritesFields
from sync_engine.records import Change, Current, Receipt, WriteRequest
from sync_engine.stages.normalise import normalise
from sync_engine.stages.publish import Published, publish
from sync_engine.stages.pull import land_one
from sync_engine.stages.source_run import SourceRun
from sync_engine.stages.written import fields_of
from sync_engine.store.db import transaction
from sync_engine.store.outbox import sending
from sync_engine.store.outbox.reading import Waiting, waiting
from sync_engine.store.outbox.sending import Due
from sync_engine.store.runs import Counts, record_step

ROUNDS = 3
"""How often what was changed meanwhile is folded again in one run; what still changes is the next run's."""
IS_GONE = "the record is not there any more"
UNREADABLE = "the record cannot be used as the source has it now, so nothing is written to it"
STORED_OTHERWISE = "the system took it and states something else now: {}"
NOT_SAID = ("not", "said")
WRONG_ENVIRONMENT = (
    "Set `environment` of the source, or SYNC_ENGINE_ENVIRONMENT of the engine, if one of them is wrong."
)


class Planned(NamedTuple):
    """What would be sent for a row: its number, record and request; or why nothing would be."""

    outbox_id: int
    entity: str
    key: str
    request: WriteRequest | None
    why: str = ""


@dataclass(slots=True)
class Delivered:
    """What a delivery came to. `published` is the last cut, where records had to be folded again."""

    sent: int = 0
    refused: int = 0
    unknown: int = 0
    conflicts: int = 0
    stopped: str = ""
    """Why the rest was left for another run."""
    published: Published | None = None
    waiting: Waiting = field(default_factory=Waiting)
    planned: list[Planned] = field(default_factory=list)

    @property
    def figures(self) -> dict[str, int]:
        """What a person reads: what became of what was sent, and what waits."""
        return {
            "sent": self.sent,
            "refused": self.refused,
            "not answered": self.unknown,
            "changed meanwhile": self.conflicts,
            "wait for a person": self.waiting.held,
        }

    @property
    def is_anything(self) -> bool:
        """Whether there is anything to tell."""
        return bool(self.stopped or any(self.figures.values()))


def deliver(source_run: SourceRun, *, dry_run: bool = False) -> Delivered:
    """Sends what waits. A source whose YAML names nothing to write is not asked anything. Raises AuthenticationFailed, StoreError.

    A refused write is noted with the words of the system and stops no other; where the source does not answer, the rest waits for the next
    run. `dry_run` reads, and tells each request instead of sending it.
    """
    done = Delivered()
    if not source_run.written:
        return done
    started, calls = time.perf_counter(), source_run.calls
    if why := elsewhere(source_run.config):
        done.stopped = why
    else:
        _rounds(source_run, done, dry_run=dry_run)
    with transaction(source_run.store, "counting what waits") as connection:
        done.waiting = waiting(connection, source_run.source).get(source_run.source, Waiting())
    if not dry_run:
        _tell(source_run, done, time.perf_counter() - started, source_run.calls - calls)
    return done


def _tell(source_run: SourceRun, done: Delivered, seconds: float, calls: int) -> None:
    """The step of the run: held where a person has to look at what was refused, with a note where something was left for the next run."""
    why = done.stopped
    if done.refused:
        why = (
            f"{source_run.source}: {done.refused} {'write was' if done.refused == 1 else 'writes were'} refused; nothing else was stopped. "
            f"Why: `sync-engine outbox list {source_run.source}`."
        )
        source_run.warnings.append(why)
    if done.stopped:
        source_run.notes["outbox"] = done.stopped
    record_step(
        source_run.store,
        source_run.run_id,
        "deliver",
        "outbox",
        "held" if done.refused else "succeeded",
        seconds,
        Counts(read=done.sent, changed=done.sent, calls=calls),
        why or None,
    )


def elsewhere(config: SourceConfig) -> str:
    """Why this engine must not write to this source; empty where it may. Raises ConfigurationError."""
    ours, theirs = engine_environment(), config.environment
    if ours == theirs:
        return ""
    return f"nothing is written: this engine is for {ours}, and the source says it is {theirs}"


def refuse_elsewhere(config: SourceConfig) -> None:
    """Raises ConfigurationError where this engine must not write to this source."""
    if why := elsewhere(config):
        raise ConfigurationError(why, whose=config.source, key="environment", todo=WRONG_ENVIRONMENT)


def _rounds(source_run: SourceRun, done: Delivered, *, dry_run: bool) -> None:
    had_turn: set[int] = set()
    for _ in range(ROUNDS):
        delivery = _Delivery(source_run, done, dry_run=dry_run)
        with transaction(source_run.store, "looking what is to be written") as connection:
            rows = sending.due(connection, source_run.source, had_turn)
        for row in rows:
            if not delivery.turn(row):
                break
        had_turn |= {row.outbox_id for row in rows} - delivery.changed
        if not delivery.landed:
            return
        for entity in sorted(delivery.landed):
            normalise(source_run, entity)
        done.published = publish(source_run)
        if done.stopped:
            return


class _Delivery:
    """One round."""

    def __init__(self, source_run: SourceRun, done: Delivered, *, dry_run: bool) -> None:
        self._run, self._done, self._dry_run = source_run, done, dry_run
        connector, normaliser = source_run.connector, source_run.normaliser
        assert isinstance(connector, WritesBack), "asked when the source was registered"
        assert isinstance(normaliser, WritesFields), "asked when the source was registered"
        self._connector: WritesBack = connector
        self._normaliser: WritesFields = normaliser
        self.landed: set[str] = set()
        self.changed: set[int] = set()
        """Rows whose record was changed meanwhile: what is wanted now is sent in the next round."""

    def turn(self, row: Due) -> bool:
        """Does what a row needs. False where the source should be left alone for now."""
        try:
            self._send(row)
        except AuthenticationFailed:
            raise
        except TransientError as silence:
            self._done.stopped = str(silence)
            return False
        except (SourceError, MappingFailed) as refusal:
            self._refused(row, str(refusal))
        return True

    def _send(self, row: Due) -> None:
        if row.wire is None or row.claim is None:
            self._refused(row, IS_GONE)
            return
        allowed = self._run.written.get(row.entity, {})
        if not set(row.wanted) <= set(allowed) & fields_of(self._connector, self._normaliser, row.wire):
            return  # the YAML was changed; the fold that follows takes the row back
        current = self._connector.current(row.wire, row.key)
        if current is None:
            self._refused(row, IS_GONE)
            return
        states = self._stated(row.wire, current)
        if states is None:
            self._refused(row, UNREADABLE)
            return
        unsaid = {name: value for name, value in row.wanted.items() if _stated(states, name) != value}
        if not unsaid:
            self._is_there(row, current)
        elif any(_stated(states, name) != _stated(row.claim, name) for name in row.wanted):
            self._changed_meanwhile(row, current)
        else:
            self._push(row, row.wire, current, unsaid)

    def _push(self, row: Due, wire: str, current: Current, unsaid: Mapping[str, Any]) -> None:
        fields = self._normaliser.to_wire(wire, unsaid)
        change = Change(wire, row.key, fields, current.version, str(row.idempotency_key))
        if self._dry_run:
            self._plan(row, request=self._connector.request(change))
            return
        with transaction(self._run.store, "noting what is being sent") as connection:
            key = sending.begin(connection, row.outbox_id, current.version)
        if key is None:
            return
        change = replace(change, idempotency_key=str(key))
        try:
            receipt = self._connector.push(change)
        except TransientError:
            self._note(row, row.state)  # nothing was written
            raise
        self._answered(row, wire, receipt)

    def _answered(self, row: Due, wire: str, receipt: Receipt) -> None:
        match receipt.outcome:
            case "delivered":
                self._done.sent += 1
                self._note(row, "delivered")
                self._read_back(row, wire)
            case "conflict":
                self._note(row, row.state if row.state != "delivered" else "pending", receipt.words)
                if (current := self._connector.current(wire, row.key)) is not None:
                    self._changed_meanwhile(row, current)
            case "refused":
                self._refused(row, receipt.words)
            case "unknown":
                self._done.unknown += 1
                self._note(row, "unknown", receipt.words)

    def _read_back(self, row: Due, wire: str) -> None:
        """What a system makes of a value (cut off, written otherwise) would be wanted for ever and written at every run."""
        try:
            current = self._connector.current(wire, row.key)
        except (SourceError, TransientError):
            return  # the next pull tells
        states = None if current is None else self._stated(wire, current)
        if current is None or states is None:
            return
        other = sorted(name for name, value in row.wanted.items() if _stated(states, name) != value)
        if other:
            self._land(wire, current)
            self._refused(row, STORED_OTHERWISE.format(", ".join(other)))
        else:
            self._note(row, "delivered", version=current.version)

    def _is_there(self, row: Due, current: Current) -> None:
        """It says so already: it was taken when nobody answered, or a pull passed over it, or somebody typed the same."""
        if self._dry_run:
            self._plan(row, why="the record says so already")
            return
        self._note(row, "delivered", version=current.version)
        assert row.wire is not None
        self._land(row.wire, current)

    def _changed_meanwhile(self, row: Due, current: Current) -> None:
        """The fold has not seen what the record says now: it is pulled, and what is wanted then is another row."""
        self._done.conflicts += 1
        self.changed.add(row.outbox_id)
        if self._dry_run:
            self._plan(row, why="the record was changed since the last run; it is folded again first")
            return
        assert row.wire is not None
        self._land(row.wire, current)

    def _land(self, wire: str, current: Current) -> None:
        land_one(self._run, wire, current.record)
        self.landed.add(wire)

    def _refused(self, row: Due, words: str) -> None:
        if self._dry_run:
            self._plan(row, why=words)
            return
        self._done.refused += 1
        self._note(row, "refused", words)

    def _plan(self, row: Due, *, request: WriteRequest | None = None, why: str = "") -> None:
        self._done.planned.append(Planned(row.outbox_id, row.entity, row.key, request, why))

    def _note(self, row: Due, state: str, answer: str | None = None, version: str | None = None) -> None:
        with transaction(self._run.store, "noting what became of a write") as connection:
            sending.note(connection, row.outbox_id, state, answer, version)

    def _stated(self, wire: str, current: Current) -> Mapping[str, Any] | None:
        """What the record claims as it is now; None where it is excluded or cannot be mapped."""
        found = self._run.normaliser.normalise(wire, [(current.record.key, current.record.payload)])
        return found.drafts[0].values if found.drafts and not current.record.unreadable else None


def _stated(values: Mapping[str, Any], name: str) -> Any:
    """The value of a field or of a custom one; what is not stated at all is like nothing that can be wanted."""
    if name.startswith("custom."):
        values, name = values.get("custom") or {}, name.removeprefix("custom.")
    return values.get(name, NOT_SAID)
