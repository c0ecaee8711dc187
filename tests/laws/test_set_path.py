"""Documents take the set path, debtors are folded: for records with one master both give the same rows."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from sync_engine.canonical.document import DOCUMENT
from sync_engine.config import SourceConfig
from sync_engine.lake import Lake
from sync_engine.ownership.policy import DEFAULT_POLICY
from sync_engine.ownership.resolve import Claim, Resolver
from sync_engine.ports import Draft, Normalised
from sync_engine.records import Cursor, Probe, RawRecord, RecordBatch, Stream
from sync_engine.stages.normalise import normalise
from sync_engine.stages.publish import publish
from sync_engine.stages.pull import pull
from sync_engine.stages.source_run import SourceRun
from sync_engine.store.db import open_engine
from sync_engine.store.runs import open_run
from tests.stages.snapshots import another_database

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
COLUMNS = {
    f.name: f.stored_as
    for f in DOCUMENT
    if f.name not in ("debtor_key", "is_posted", "owner_code", "terms_key", "custom", "source_modified_at")
}
"""Fields that the canonical table holds as they were said; the others are resolved references."""

money = st.none() | st.decimals(-999, 9999, places=2).map(str)
days = st.none() | st.dates(datetime(2020, 1, 1).date(), datetime(2030, 1, 1).date()).map(str)  # noqa: DTZ001 - calendar days
texts = st.none() | st.sampled_from(
    ["A", "HANSEN & SØN", "x,y", "tab\there", 'quo"te', "back\\slash", "\\N", "line\nbreak"]
)
document = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(["invoice", "credit_note"]),
        "number": texts,
        "issue_date": days,
        "posting_date": days,
        "due_date": days,
        "currency": st.just("EUR"),
        "exchange_rate": st.none() | st.just("1.5"),
        "subtotal": money,
        "tax": money,
        "total": money,
        "open_amount": money,
        "erp_status": st.sampled_from(["paid", "void"]),
        "dispute_reason": texts,
        "source_url": texts,
        "document_url": texts,
        "promised_date": days,
        "closed_date": days,
        "po_number": texts,
        "reference": texts,
    }
)
versions = st.lists(st.tuples(st.sampled_from("abcd"), document), min_size=1, max_size=8)
cuts = st.lists(st.integers(0, 3), min_size=8, max_size=8)


@dataclass
class Dictated:
    """A connector that says what it is told, in the batches it is told."""

    batches: dict[str, list[list[RawRecord]]] = field(default_factory=dict)
    source: str = "told"
    calls: int = 0

    @property
    def streams(self) -> Mapping[str, Stream]:
        return {
            name: Stream(name, "documents", canonical, has_cursor=False)
            for name, canonical in (("people", "debtor"), ("papers", "document"))
        }

    def pull(self, entity: str, since: Cursor | None) -> Iterator[RecordBatch]:
        for records in self.batches.get(entity, []):
            yield RecordBatch(entity, records)

    def probe(self) -> Probe:
        return Probe("Dictated", "1", "told")

    def close(self) -> None:
        return None


class Verbatim:
    """A mapping in which the payload is the draft."""

    version = "1"

    def normalise(self, entity: str, records: Sequence[tuple[str, bytes]]) -> Normalised:
        return Normalised(drafts=[Draft(key, json.loads(payload)) for key, payload in records])


class Still:
    """A clock that stands."""

    def now(self) -> datetime:
        return NOON

    def sleep(self, seconds: float) -> None:
        return None


def _record(key: str, values: dict[str, Any]) -> RawRecord:
    return RawRecord(key, json.dumps(values).encode(), None)


@settings(
    max_examples=6,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(said=versions, where=cuts)
def test_the_set_path_gives_what_the_fold_gives(
    migrated_template: str, said: list[tuple[str, dict[str, Any]]], where: list[int]
) -> None:
    """Versions of documents in any batching and any number of cuts: the rows are the fold of the last word on each."""
    config = SourceConfig(source="told", connector="business_central")
    with tempfile.TemporaryDirectory() as folder, another_database(migrated_template) as url:
        store = open_engine(url)
        connector = Dictated({"people": [[_record("hansen", {"number": "1", "name": "Hansen"})]]})
        for turn in sorted(set(where[: len(said)])):
            words = [
                (key, values | {"debtor_key": "hansen", "is_posted": True})
                for (key, values), cut in zip(said, where, strict=False)
                if cut == turn
            ]
            connector.batches["papers"] = [[_record(*word)] for word in words]
            source_run = SourceRun(
                config=config,
                store=store,
                lake=Lake(folder),
                normaliser=Verbatim(),
                connector=connector,
                clock=Still(),
                run_id=open_run(store, "told", "changes", "test", config.digest),
            )
            source_run.register()
            for entity in connector.streams:
                pull(source_run, entity)
                normalise(source_run, entity)
            publish(source_run)
        with store.connect() as connection:
            rows = {
                str(row["external_id"]): dict(row)
                for row in connection.execute(text("SELECT * FROM canonical.document")).mappings()
            }
        store.dispose()
    ordered = [
        word
        for turn in sorted(set(where[: len(said)]))
        for word, cut in zip(said, where, strict=False)
        if cut == turn
    ]
    last = dict(ordered)
    assert set(rows) == set(last)
    resolver = Resolver("document", DOCUMENT, DEFAULT_POLICY)
    for key, values in last.items():
        folded = resolver.resolve([Claim("told", "erp", key, NOON - timedelta(days=1), values)]).values
        assert {name: rows[key][column] for name, column in COLUMNS.items()} == {
            name: _typed(name, folded[name]) for name in COLUMNS
        }


def _typed(name: str, value: Any) -> Any:
    kind = next(f.kind for f in DOCUMENT if f.name == name)
    if value is None:
        return None
    if kind in ("money", "number"):
        return Decimal(value)
    return datetime.fromisoformat(value).date() if kind == "date" else value
