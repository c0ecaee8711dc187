"""What every connector promises, as rules that any of them gets in one line: `test_mine = contract(my_stage)`.

A rule is a plain function over a stage, so that another test can show it failing where a connector is broken on purpose.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, Protocol

import msgspec
import pytest

from sync_engine.errors import SourceError, SyncError, TransientError
from sync_engine.ports import Connector, CountsCalls, ListsKeys, ReadsOneDebtor, StatesTotals
from sync_engine.records import RecordBatch

FAMILIES = {"dimensions", "debtors", "contacts", "documents", "payments"}
PARENTS = {
    "dimension_value": {"dimension"},
    "debtor_dimension": {"debtor", "dimension_value"},
    "contact": {"debtor"},
    "document": {"debtor"},
    "ledger_entry": {"debtor"},
    "payment": {"debtor"},
    "application": {"debtor"},
}


class Stage(Protocol):
    """An installation to play on."""

    secrets: tuple[str, ...]
    unresumable: frozenset[str]
    """Streams whose cursor follows another stream, and may answer nothing at all."""

    def open(self) -> Connector:
        """A fresh connector on it."""
        ...

    def edit(self) -> tuple[str, str]:
        """Changes one record; gives its entity and key."""
        ...

    def delete(self) -> tuple[str, str]:
        """Deletes one record; gives its entity and key."""
        ...

    def refuse(self) -> None:
        """From now on the login is refused."""
        ...

    def debtor(self) -> str:
        """The key of a debtor with documents."""
        ...


Rule = Callable[[Stage], None]


def _pull(connector: Connector, entity: str, since: Any = None) -> list[RecordBatch]:
    return list(connector.pull(entity, since))


def _keys(batches: list[RecordBatch]) -> list[str]:
    return [record.key for batch in batches for record in batch.records]


def nothing_is_sent_before_the_first_question(stage: Stage) -> None:
    """Opening costs no request, so that a lane may open what it does not use."""
    connector = stage.open()
    assert not isinstance(connector, CountsCalls) or connector.calls == 0


def streams_are_declared_parents_first(stage: Stage) -> None:
    """Every stream says its family and canonical entity, and stands behind those it belongs to."""
    seen: set[str] = set()
    streams = stage.open().streams
    offered = {stream.canonical for stream in streams.values()}
    for name, stream in streams.items():
        assert stream.entity == name
        assert stream.family in FAMILIES, f"{name} is of family {stream.family}"
        missing = (PARENTS.get(stream.canonical, set()) & offered) - seen
        assert not missing, f"{name} stands before {missing}"
        seen.add(stream.canonical)
        assert stream.overlap >= timedelta(0)


def a_sweep_ends_complete_and_only_there(stage: Stage) -> None:
    """`complete` is the permission to delete: the last batch has it, no other."""
    connector = stage.open()
    for entity in connector.streams:
        batches = _pull(connector, entity)
        assert [batch.complete for batch in batches] == [False] * (len(batches) - 1) + [True], entity
        assert {batch.entity for batch in batches} == {entity}


def a_sweep_sees_all_there_is(stage: Stage) -> None:
    """Keys are unique, as many as the source states, and the same as in the sweep of keys."""
    connector = stage.open()
    for entity in connector.streams:
        keys = _keys(_pull(connector, entity))
        assert len(keys) == len(set(keys)), entity
        stated = connector.count(entity) if isinstance(connector, StatesTotals) else None
        assert stated in (None, len(keys)), f"{entity}: {len(keys)} of {stated}"
        if not isinstance(connector, ListsKeys):
            continue
        try:
            listed = {key for page in connector.keys(entity) for key in page}
        except SourceError:
            continue
        assert listed == set(keys), entity


def a_sweep_can_be_resumed_at_every_cursor(stage: Stage) -> None:
    """Batches up to a cursor, and what is pulled from it, are together everything."""
    connector = stage.open()
    for entity in connector.streams:
        batches = _pull(connector, entity)
        for position, batch in enumerate(batches):
            if batch.resume_from is not None and entity not in stage.unresumable:
                after = _keys(_pull(connector, entity, batch.resume_from))
                assert set(_keys(batches[: position + 1])) | set(after) == set(_keys(batches)), (
                    f"{entity} at {position}"
                )


def reading_again_gives_the_same(stage: Stage) -> None:
    """A key names the same record for ever, and an unchanged record has the same bytes."""
    connector = stage.open()
    for entity in connector.streams:
        first = {r.key: r.payload for b in _pull(connector, entity) for r in b.records}
        second = {r.key: r.payload for b in _pull(stage.open(), entity) for r in b.records}
        assert first == second, entity


def records_are_json_objects_with_utc_stamps(stage: Stage) -> None:
    """The payload is one object as received; a stamp is an instant."""
    connector = stage.open()
    for entity in connector.streams:
        for batch in _pull(connector, entity):
            for record in batch.records:
                assert isinstance(msgspec.json.decode(record.payload), dict), entity
                assert record.key, entity
                assert record.changed_at is None or record.changed_at.utcoffset() == timedelta(0), entity


def a_change_comes_with_the_next_pull(stage: Stage) -> None:
    """What was edited after a cursor is in the pull from it."""
    connector = stage.open()
    cursors = {entity: _pull(connector, entity)[-1].resume_from for entity in connector.streams}
    entity, key = stage.edit()
    assert key in _keys(_pull(connector, entity, cursors[entity])), f"{entity} {key}"


def what_was_deleted_does_not_come_back(stage: Stage) -> None:
    """Gone is gone: from the pull of changes, from the sweep, from the keys."""
    connector = stage.open()
    cursors = {entity: _pull(connector, entity)[-1].resume_from for entity in connector.streams}
    entity, key = stage.delete()
    for since in (cursors[entity], None):
        assert key not in _keys(_pull(connector, entity, since)), f"{entity} {key}"
    if isinstance(connector, ListsKeys):
        assert key not in {k for page in connector.keys(entity) for k in page}


def the_closure_of_a_debtor_is_part_of_the_whole(stage: Stage) -> None:
    """Pulling one debtor gives records the sweeps know, moves no cursor and completes nothing."""
    connector = stage.open()
    if not isinstance(connector, ReadsOneDebtor):
        return
    found = list(connector.pull_debtor(stage.debtor()))
    assert any(batch.records for batch in found)
    for batch in found:
        assert not batch.complete
        if connector.streams[batch.entity].facet:
            continue
        assert set(_keys([batch])) <= set(_keys(_pull(connector, batch.entity))), batch.entity


def errors_are_ours_and_keep_secrets(stage: Stage) -> None:
    """A refused login raises our tree from every method, and no secret is in its text or in a repr."""
    stage.refuse()
    attempts: list[Callable[[Connector], Any]] = [
        lambda c: c.streams,
        lambda c: c.probe(),
        lambda c: _pull(c, "nowhere"),
        *([lambda c: c.totals("nowhere")] if isinstance(stage.open(), StatesTotals) else []),
        *([lambda c: list(c.keys("nowhere"))] if isinstance(stage.open(), ListsKeys) else []),
    ]
    for attempt in attempts:
        connector = stage.open()
        with pytest.raises((SourceError, TransientError, SyncError)) as caught:
            attempt(connector)
        for text in (str(caught.value), repr(caught.value), repr(connector), repr(vars(caught.value))):
            for secret in stage.secrets:
                assert secret not in text
        assert str(caught.value).strip()


def an_unknown_entity_is_refused(stage: Stage) -> None:
    """A stream that is not offered is a SourceError with a sentence, not an empty answer."""
    with pytest.raises(SourceError):
        _pull(stage.open(), "unicorns")


def leaving_early_ends_everything(stage: Stage) -> None:
    """A pull that is given up leaves no thread behind."""
    connector = stage.open()
    for entity in connector.streams:
        batches: Iterator[RecordBatch] = iter(connector.pull(entity, None))
        next(batches, None)
        batches.close()  # type: ignore[attr-defined]
    for fetching in [t for t in threading.enumerate() if t.name.startswith("next-page")]:
        fetching.join(10)  # one that the garbage collector closed ends behind its page
    assert [t for t in threading.enumerate() if t.name.startswith("next-page")] == []


def closing_twice_is_nothing(stage: Stage) -> None:
    """Closing is for everybody who holds it."""
    connector = stage.open()
    assert connector.streams
    connector.close()
    connector.close()


RULES: tuple[Rule, ...] = (
    nothing_is_sent_before_the_first_question,
    streams_are_declared_parents_first,
    a_sweep_ends_complete_and_only_there,
    a_sweep_sees_all_there_is,
    a_sweep_can_be_resumed_at_every_cursor,
    reading_again_gives_the_same,
    records_are_json_objects_with_utc_stamps,
    a_change_comes_with_the_next_pull,
    what_was_deleted_does_not_come_back,
    the_closure_of_a_debtor_is_part_of_the_whole,
    errors_are_ours_and_keep_secrets,
    an_unknown_entity_is_refused,
    leaving_early_ends_everything,
    closing_twice_is_nothing,
)


def contract(stage: Callable[[pytest.MonkeyPatch], Stage]) -> Callable[..., None]:
    """A test that plays every rule on a fresh stage."""

    @pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
    def test_contract(rule: Rule, monkeypatch: pytest.MonkeyPatch) -> None:
        rule(stage(monkeypatch))

    return test_contract
