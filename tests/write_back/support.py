"""Two systems in memory that can be written to, with what goes wrong when they are, beside the sources of the link tests."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sync_engine.errors import AuthenticationFailed, RateLimited, TransientError
from sync_engine.ownership.policy import DEFAULT_POLICY, Policy, Rule
from sync_engine.records import (
    Change,
    Current,
    Cursor,
    Probe,
    RawRecord,
    Receipt,
    RecordBatch,
    Stream,
    WriteRequest,
)
from sync_engine.stages.deliver import Delivered, deliver
from sync_engine.stages.normalise import normalise
from sync_engine.stages.publish import publish
from sync_engine.stages.pull import pull
from sync_engine.stages.source_run import SourceRun
from sync_engine.store.runs import close_run, open_run
from tests.links.support import STREAMS, AsTheyAre, Record, World

CRM_NAMES = Policy(
    rules=(
        Rule(entity="debtor", fields=("name", "phone"), ranking=("crm", "erp")),
        *DEFAULT_POLICY.rules,
    )
)
"""The CRM says what a debtor is called and how to call him, the ERP everything else."""
WRITTEN = {
    "debtors": ("name", "phone", "email", "website", "city", "language", "status", "custom.segment"),
    "contacts": ("first_name", "phone", "email"),
}


@dataclass
class Peer:
    """One system: records with a version each. `faults` are what happens to the writes to come, one after the other; `asked` is all it was asked.

    Faults: lost (taken, and nobody answers), silent (not taken, and nobody answers), refused, throttled, conflict (somebody saves the record just
    before), cut (takes eight characters of every text), login.
    """

    source: str
    records: dict[str, dict[str, Record]]
    versions: dict[tuple[str, str], int] = field(default_factory=dict)
    seen: dict[tuple[str, str], str] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    applied: list[tuple[str, str, Mapping[str, Any], str]] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    is_silent: bool = False

    @property
    def streams(self) -> Mapping[str, Stream]:
        return {name: stream for name, stream in STREAMS.items() if name in self.records}

    def probe(self) -> Probe:
        return Probe("memory", "1", self.source)

    def pull(self, entity: str, since: Cursor | None) -> Iterator[RecordBatch]:
        self.asked.append(f"pull {entity}")
        rows = [self._raw(entity, key) for key in sorted(self.records[entity])]
        yield RecordBatch(entity, rows, complete=True)

    def close(self) -> None:
        """Nothing to close."""

    def writable(self, entity: str) -> frozenset[str]:
        return frozenset(f"w_{name}" for name in WRITTEN.get(entity, ()))

    def current(self, entity: str, key: str) -> Current | None:
        self.asked.append(f"read {entity} {key}")
        if self.is_silent:
            raise TransientError("no answer", whose=self.source)
        if key not in self.records[entity]:
            return None
        return Current(self._raw(entity, key), str(self.version(entity, key)))

    def request(self, change: Change) -> WriteRequest:
        return WriteRequest(
            "WRITE", f"{change.entity}/{change.key}", change.fields, {"version": change.base_version}
        )

    def push(self, change: Change) -> Receipt:
        self.asked.append(f"write {change.entity} {change.key}")
        fault = self.faults.pop(0) if self.faults else ""
        match fault:
            case "silent":
                return Receipt("unknown", "no answer in time")
            case "refused":
                return Receipt("refused", "the field is locked")
            case "throttled":
                raise RateLimited("too many requests", whose=self.source)
            case "login":
                raise AuthenticationFailed("the login was refused", whose=self.source)
            case "conflict":
                self.save(change.entity, change.key, website=f"https://{len(self.asked)}.example.com")
        if change.base_version != str(self.version(change.entity, change.key)):
            return Receipt("conflict", "the record was changed")
        self._take(change, cut=fault == "cut")
        return Receipt("unknown", "no answer in time") if fault == "lost" else Receipt("delivered")

    def save(self, entity: str, key: str, **values: Any) -> None:
        """A user of the system edits a record."""
        custom = {**(self.records[entity][key].get("custom") or {}), **values.pop("custom", {})}
        self.records[entity][key].update(values, **({"custom": custom} if custom else {}))

    def version(self, entity: str, key: str) -> int:
        """Grows whenever the record has changed, whoever did it."""
        now = json.dumps(self.records[entity][key], sort_keys=True)
        if self.seen.get((entity, key)) != now:
            self.seen[entity, key] = now
            self.versions[entity, key] = self.versions.get((entity, key), 0) + 1
        return self.versions[entity, key]

    @property
    def writes(self) -> int:
        """How many writes it was sent."""
        return sum(one.startswith("write") for one in self.asked)

    def _take(self, change: Change, *, cut: bool) -> None:
        fields = {name.removeprefix("w_"): value for name, value in change.fields.items()}
        fields = {n: v[:8] if cut and isinstance(v, str) else v for n, v in fields.items()}
        there = self.records[change.entity][change.key]
        if all(
            {**there, **{f"custom.{n}": v for n, v in (there.get("custom") or {}).items()}}.get(n) == v
            for n, v in fields.items()
        ):
            self.doubled.append(f"{change.entity} {change.key} {dict(fields)}")
        self.applied.append((change.entity, change.key, fields, change.idempotency_key))
        custom = {n.removeprefix("custom."): v for n, v in fields.items() if n.startswith("custom.")}
        plain = {n: v for n, v in fields.items() if not n.startswith("custom.")}
        self.save(change.entity, change.key, **plain, **({"custom": custom} if custom else {}))

    def _raw(self, entity: str, key: str) -> RawRecord:
        return RawRecord(key, json.dumps(self.records[entity][key], sort_keys=True).encode(), None)


class SaysToo(AsTheyAre):
    """The same normaliser the other way round: what a field is called on the wire begins with w."""

    def writes(self, entity: str) -> Mapping[str, str]:
        return {name: f"w_{name}" for name in WRITTEN.get(entity, ())}

    def to_wire(self, entity: str, values: Mapping[str, Any]) -> dict[str, Any]:
        return {f"w_{name}": value for name, value in values.items()}


@dataclass
class TwoWays(World):
    """A world whose sources can be written to."""

    peers: dict[str, Peer] = field(default_factory=dict)

    def add(self, source: str, role: str, **config: Any) -> None:
        """A source with debtors and contacts, as a peer."""
        super().add(source, role, **config)
        self.peers[source] = Peer(source, self.records[source])

    def configure(self, source: str, **config: Any) -> None:
        """Other settings for a source."""
        kept = self.configs[source].model_dump(exclude_unset=True)
        self.configs[source] = type(self.configs[source]).model_validate({**kept, **config})

    def go(self, source: str, *, dry_run: bool = False, entities: Sequence[str] | None = None) -> Delivered:
        """Pulls, normalises, publishes and delivers one source, as a run does."""
        config, peer = self.configs[source], self.peers[source]
        run_id = open_run(self.store, source, "full", "test", config.digest)
        source_run = SourceRun(
            config, self.store, self.lake, SaysToo(), peer, self.clock, run_id, self.policy, accept_deletes=True, accept_moves=True, actor="engine"
        )  # fmt: skip
        source_run.register()
        for entity in peer.streams if entities is None else entities:
            pull(source_run, entity)
            normalise(source_run, entity)
        publish(source_run)
        done = deliver(source_run, dry_run=dry_run)
        close_run(self.store, run_id, "held" if done.refused else "succeeded")
        return done

    def outbox(self, source: str | None = None) -> list[tuple[Any, ...]]:
        """The living rows: source, key, state, what is wanted."""
        return [
            tuple(row)
            for row in self.rows(
                "SELECT source, external_id, state, wanted FROM engine.outbox WHERE settled_at IS NULL AND coalesce(:s, source) = source ORDER BY 1, 2",
                s=source,
            )
        ]

    def history(self) -> list[str]:
        """The states of the settled rows, in order."""
        return [
            r[0]
            for r in self.rows(
                "SELECT state FROM engine.outbox WHERE settled_at IS NOT NULL ORDER BY outbox_id"
            )
        ]

    def says(self, source: str, key: str, name: str) -> Any:
        """What a system says about a debtor."""
        return self.records[source]["debtors"][key].get(name)
