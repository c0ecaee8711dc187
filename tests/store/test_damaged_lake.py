"""Every damage of a landed file, against every use of it: the batch is named, the rest goes on, and what is said to heal heals."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sync_engine.errors import LandedFileDamaged
from sync_engine.ops.inspect.explain import explain
from sync_engine.ops.inspect.overview import certificates, status
from sync_engine.ops.inspect.sql import query
from sync_engine.ops.runs import quarantine
from sync_engine.ops.runs.lake_verification import verify
from sync_engine.ops.runs.replay import replay_source
from sync_engine.ports import Normalised, Normaliser
from sync_engine.stages.pull import LANDED_AGAIN
from tests.simulators.business_central.spoiled_answers import MalformedRecord
from tests.stages.snapshots import difference, snapshot
from tests.stages.support import Rig, bench_of, rig_on

ENTITY = "customers"


def truncated(file: Path, _other: Path) -> None:
    """The disk was full when it was copied."""
    file.write_bytes(file.read_bytes()[:-7])


def deleted(file: Path, _other: Path) -> None:
    """Somebody tidied."""
    file.unlink()


def flipped(file: Path, _other: Path) -> None:
    """One bit, in the middle."""
    body = bytearray(file.read_bytes())
    body[len(body) // 2] ^= 0x10
    file.write_bytes(bytes(body))


def emptied(file: Path, _other: Path) -> None:
    """The name is there, nothing in it."""
    file.write_bytes(b"")


def replaced(file: Path, other: Path) -> None:
    """Another batch's file under this one's name: whole in itself."""
    file.write_bytes(other.read_bytes())


DAMAGES = {
    "truncated": truncated,
    "deleted": deleted,
    "flipped": flipped,
    "emptied": emptied,
    "replaced": replaced,
}
SAID = {
    "truncated": "is cut short|checksum",
    "deleted": "is missing",
    "flipped": "checksum",
    "emptied": "is empty",
    "replaced": "is cut short|checksum",
}
Damage = Callable[[Path, Path], None]


class Reworded:
    """The same mapping in a newer version."""

    def __init__(self, normaliser: Normaliser) -> None:
        self._inner = normaliser
        self.version = f"{normaliser.version}+1"

    def normalise(self, entity: str, records: list[tuple[str, bytes]]) -> Normalised:
        """As before."""
        return self._inner.normalise(entity, records)

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)


@pytest.fixture
def rig(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    """A company, loaded; its customers arrived in one landed file."""
    with rig_on(bench_of(monkeypatch), database, tmp_path / "lake") as made:
        made.run_whole()
        yield made


def spoil(rig: Rig, damage: Damage, entity: str = ENTITY) -> str:
    """Damages the landed file of an entity; returns its path in the lake."""
    landed = dict(
        rig.rows("SELECT t.entity, m.path FROM engine.lake_manifest m JOIN engine.stream t USING (stream_id)")
    )
    root = Path(rig.lake.root)
    damage(root / landed[entity], root / landed["contacts"])
    return str(landed[entity])


def named(path: str, sentence: str, kind: str) -> bool:
    """Whether a sentence says which batch, of what, from when, what is wrong with it and what to do."""
    import re

    pattern = rf"bc: the landed file {re.escape(path)} \(batch \d+ of \w+, run [0-9a-f-]{{36}}, [\d :-]+ UTC\) .*({SAID[kind]}).*run bc --full"
    return re.search(pattern, sentence) is not None


@pytest.mark.parametrize("kind", DAMAGES)
def test_a_replay_goes_on_and_a_full_run_heals(kind: str, rig: Rig) -> None:
    """A replay is partial and names the batch; status and the certificate of the next cut say it; a full run lands it again, though no hash differs."""
    before, path = snapshot(rig.store), spoil(rig, DAMAGES[kind])
    ran = replay_source(rig.runtime, rig.config)
    assert (ran.outcome, list(ran.failures)) == ("partial", [ENTITY])
    assert named(path, str(ran.failures[ENTITY]), kind)
    assert difference(snapshot(rig.store), before) == {}
    assert rig.one("SELECT count(*) FROM engine.lake_manifest WHERE normalised_as = 'to be replayed'") == 1
    found = status(rig.store, {"bc": rig.config})
    assert [b.path for b in found.damaged] == [path]
    assert found.sources[0].needs_a_person
    healed = rig.run_whole(full=True)
    assert (healed.outcome, healed.failures) == ("succeeded", {})
    assert healed.notes == {ENTITY: LANDED_AGAIN}, "healed, and not in silence"
    assert rig.run_whole(full=True).notes == {}
    assert difference(snapshot(rig.store), before) == {}
    assert replay_source(rig.runtime, rig.config).outcome == "succeeded"
    assert status(rig.store, {"bc": rig.config}).damaged == []
    assert {b.path for b in verify(rig.store, rig.lake).lost} == {path}


@pytest.mark.parametrize("kind", DAMAGES)
def test_a_change_of_the_mapping_waits_for_one_batch_only(kind: str, rig: Rig) -> None:
    """A run that does not read the entity is partial and its certificate says why; the next one reads that entity again by itself, and only that one."""
    before, path = snapshot(rig.store), spoil(rig, DAMAGES[kind])
    rig.wrap = Reworded  # type: ignore[assignment]
    newer = replace(rig)
    with newer.source_run(rig.run().run_id) as source_run:
        version = source_run.normaliser.version
    waiting = rig.rows(
        "SELECT t.entity, m.damage IS NOT NULL FROM engine.lake_manifest m JOIN engine.stream t USING (stream_id) "
        "WHERE m.normalised_as <> :version",
        version=version,
    )
    assert waiting == [(ENTITY, True)]
    assert [b.path for b in status(rig.store, {"bc": rig.config}).damaged] == [path]
    rig.wrap = None
    partial = rig.run_whole(entities=("contacts",))
    assert (partial.outcome, list(partial.failures)) == ("partial", [ENTITY])
    [certified] = certificates(rig.store, "bc")
    assert [(c.check, c.verdict) for c in certified.checks if c.check == "C15"] == [("C15", "breaks")]
    assert certified.cut.grade in ("C", "D")
    ran = rig.run_whole()
    assert ran.outcome == "succeeded"
    assert landed_again(rig, ran.run_id) == len(rig.company.customers)
    assert "C15" not in {c.check for c in certificates(rig.store, "bc")[0].checks}
    assert difference(snapshot(rig.store), before) == {}


def landed_again(rig: Rig, run_id: object) -> int:
    """How many records of the entity a run landed."""
    return int(
        rig.one(
            "SELECT changed FROM engine.run_step WHERE run_id = :run AND stage = 'pull' AND entity = :e",
            run=run_id,
            e=ENTITY,
        )
    )


@pytest.mark.parametrize("kind", DAMAGES)
def test_sql_over_the_lake_reads_no_damaged_file(kind: str, rig: Rig) -> None:
    """It names the batch, and asks what other entities landed; after a full run it answers, without the lost versions."""
    asked = f"SELECT count(*) FROM bc.{ENTITY} WHERE is_latest"
    rows, path = query(rig.store, rig.lake, asked).rows, spoil(rig, DAMAGES[kind])
    with pytest.raises(LandedFileDamaged) as failure:
        query(rig.store, rig.lake, asked)
    assert named(path, str(failure.value), kind)
    assert query(rig.store, rig.lake, "SELECT count(*) > 0 FROM bc.contacts").rows == [(True,)]
    rig.run_whole(full=True)
    assert query(rig.store, rig.lake, asked).rows == rows


@pytest.mark.parametrize("kind", DAMAGES)
def test_what_needs_no_landed_file_goes_on(kind: str, rig: Rig) -> None:
    """Explaining a debtor, reading one debtor again, and a run with nothing new: the damage is not theirs."""
    spoil(rig, DAMAGES[kind])
    [(number, key)] = rig.rows("""
        SELECT d.number, l.external_id FROM canonical.debtor d JOIN canonical.link l ON l.canonical_id = d.id WHERE l.entity = 'debtor' ORDER BY 1 LIMIT 1""")
    assert explain(rig.store, "debtor", number).label
    assert rig.run_whole(debtor=key).outcome == "succeeded"
    assert rig.run_whole().outcome == "succeeded"


@pytest.mark.parametrize("kind", DAMAGES)
def test_one_debtor_is_landed_again_where_damage_is_known(kind: str, rig: Rig) -> None:
    """Its own bytes are read again; the others of the batch still wait."""
    path = spoil(rig, DAMAGES[kind])
    assert [b.path for b in verify(rig.store, rig.lake).damaged] == [path]
    before = verify(rig.store, rig.lake).damaged[0].needed
    ran = rig.run_whole(debtor=next(iter(rig.company.customers.values())).id)
    assert (ran.outcome, list(ran.failures)) == ("partial", [ENTITY])
    assert verify(rig.store, rig.lake).damaged[0].needed == before - 1


@pytest.mark.parametrize("kind", DAMAGES)
def test_the_quarantine_keeps_its_reasons(
    kind: str, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Why a record could not be used is still shown; that its payload is lost is said instead of a payload."""
    bench = bench_of(monkeypatch)
    bench.simulator.inject(MalformedRecord("number", 17, match="/customers"))
    with rig_on(bench, database, tmp_path / "lake") as rig:
        rig.run_whole()
        [first] = quarantine.quarantined(rig.store)[:1]
        path = spoil(rig, DAMAGES[kind], first.entity)
        [shown] = quarantine.show(rig.store, rig.lake, str(first.quarantine_id), with_payload=True)
        assert (shown.record.message, shown.payload) == (first.message, None)
        assert shown.lost is not None
        assert named(path, shown.lost, "flipped" if kind in ("truncated", "replaced") else kind)


@pytest.mark.parametrize("kind", DAMAGES)
def test_verify_finds_it_before_anybody_needs_it(kind: str, rig: Rig) -> None:
    """The damaged batch, files of no batch, and nothing else; a file that is put back is whole again."""
    assert verify(rig.store, rig.lake)[1:] == ([], [], [])
    path = spoil(rig, lambda _file, _other: None)
    kept = (Path(rig.lake.root) / path).read_bytes()
    spoil(rig, DAMAGES[kind])
    orphan = rig.lake.write("bc", ENTITY, rig.run().run_id, 900, []).path
    found = verify(rig.store, rig.lake)
    assert ([b.path for b in found.damaged], found.orphans) == ([path], [orphan])
    assert named(path, found.told[0], kind)
    (Path(rig.lake.root) / path).write_bytes(kept)
    assert verify(rig.store, rig.lake).damaged == []
    assert replay_source(rig.runtime, rig.config).outcome == "succeeded"


def test_a_file_that_is_put_back_is_used_by_the_next_run(rig: Rig) -> None:
    """Damage met by a replay, then the backup: the replay is made up for without asking the source."""
    path = spoil(rig, lambda _file, _other: None)
    kept = (Path(rig.lake.root) / path).read_bytes()
    spoil(rig, deleted)
    assert replay_source(rig.runtime, rig.config).outcome == "partial"
    (Path(rig.lake.root) / path).write_bytes(kept)
    assert replay_source(rig.runtime, rig.config).outcome == "succeeded"
    assert (
        rig.one(
            "SELECT count(*) FROM engine.lake_manifest WHERE damage IS NOT NULL OR normalised_as = 'to be replayed'"
        )
        == 0
    )


def test_every_entity_heals(rig: Rig) -> None:
    """All landed files at once are gone: one full run lands everything again, and nothing is published otherwise."""
    before = snapshot(rig.store)
    for file in rig.files():
        (Path(rig.lake.root) / file).unlink()
    ran = replay_source(rig.runtime, rig.config)
    entities = {
        e
        for (e,) in rig.rows(
            "SELECT DISTINCT t.entity FROM engine.lake_manifest m JOIN engine.stream t USING (stream_id)"
        )
    }
    assert (ran.outcome, set(ran.failures)) == ("partial", entities)
    assert rig.run_whole(full=True).outcome == "succeeded"
    assert verify(rig.store, rig.lake).damaged == []
    assert replay_source(rig.runtime, rig.config).outcome == "succeeded"
    assert difference(snapshot(rig.store), before) == {}
