"""Groups and hierarchy, the audit as a file and as a chain, many decisions from a file, and the commands over all of it."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from sync_engine.cli.app import main
from sync_engine.cli.plans import said
from sync_engine.errors import ConfigurationError
from sync_engine.ops.decisions import groups, links
from sync_engine.ops.decisions.plan import apply
from sync_engine.ops.decisions.plan_view import Plan
from sync_engine.ops.inspect.audit import verify
from sync_engine.ops.inspect.audit_export import export_audit
from tests.links.support import World


def test_parents_chains_and_circles(running: World) -> None:
    """A parent by hand, the ultimate one derived, a circle refused, all taken back."""
    world, before = running, running.state()
    for debtor, parent in (("10001", "10000"), ("10002", "10001")):
        apply(world.runtime, groups.set_parent(world.runtime, debtor, parent, by="ada").hash, by="ada")
    rows = dict(
        world.rows(
            "SELECT d.number, u.number FROM canonical.debtor d JOIN canonical.debtor u ON u.id = d.ultimate_parent_id"
        )
    )
    assert rows == {"10001": "10000", "10002": "10000"}
    with pytest.raises(ConfigurationError, match="circle"):
        groups.set_parent(world.runtime, "10000", "10002", by="ada")
    with pytest.raises(ConfigurationError, match="circle"):
        groups.set_parent(world.runtime, "10000", "10000", by="ada")
    world.run("erp")
    assert (
        dict(
            world.rows(
                "SELECT d.number, u.number FROM canonical.debtor d JOIN canonical.debtor u ON u.id = d.ultimate_parent_id"
            )
        )
        == rows
    )
    for _ in range(2):
        apply(world.runtime, links.undo(world.runtime, by="ada").hash, by="ada")
    assert world.state() == before


def test_a_group_shares_a_limit(running: World) -> None:
    """Limit and use of all members together; members join, leave, and the group dissolves; undo restores."""
    world, before = running, running.state()
    planned = groups.set_group(
        world.runtime,
        "Hansen Gruppe",
        credit_limit=Decimal(500),
        top_debtor="10000",
        members=("10000", "10001"),
        by="ada",
    )
    assert world.state() == before
    apply(world.runtime, planned.hash, by="ada")
    [used] = groups.utilisation(world.runtime, date(2026, 3, 2))
    assert (used.name, used.members, used.exposure, used.credit_limit) == (
        "Hansen Gruppe",
        2,
        Decimal("425.75"),
        Decimal(500),
    )
    assert used.utilisation == Decimal("0.8515")
    apply(
        world.runtime,
        groups.set_group(world.runtime, "hansen gruppe", leaving=("10001",), by="ada").hash,
        by="ada",
    )
    assert groups.utilisation(world.runtime, date(2026, 3, 2))[0].exposure == Decimal("350.5")
    apply(
        world.runtime,
        groups.set_group(world.runtime, "Hansen Gruppe", dissolve=True, by="ada").hash,
        by="ada",
    )
    assert groups.utilisation(world.runtime, date(2026, 3, 2)) == []
    for _ in range(3):
        apply(world.runtime, links.undo(world.runtime, by="ada").hash, by="ada")
    assert world.state() == before


def test_joining_a_group_says_which_one_is_left(running: World) -> None:
    """A debtor is in one group; the plan of another one names both, by their names."""
    world = running
    first = groups.set_group(world.runtime, "Hansen Gruppe", members=("10000",), by="ada")
    apply(world.runtime, first.hash, by="ada")
    planned = groups.set_group(world.runtime, "Nordlys Konzern", members=("10000", "10001"), by="ada")

    def sentences(plan: Plan) -> set[str]:
        labels = {i: n.name or "" for i, n in plan.named.items()}
        return {
            said(d, lambda record: labels.get(record, record)) for d in plan.decisions if d.kind == "member"
        }

    assert sentences(first) == {"HANSEN & SØN A/S joins Hansen Gruppe."}
    assert sentences(planned) == {
        "HANSEN & SØN A/S joins Nordlys Konzern and leaves Hansen Gruppe.",
        "Müller GmbH joins Nordlys Konzern.",
    }
    leaving = groups.set_group(world.runtime, "Hansen Gruppe", leaving=("10000",), by="ada")
    assert sentences(leaving) == {"HANSEN & SØN A/S leaves Hansen Gruppe."}


def test_a_limit_can_be_taken_away_and_is_never_below_nothing(running: World) -> None:
    """0 is no credit, none is no limit; a name is the same name however it is spaced; a group without a name is none."""
    world = running
    for limit, flag in ((Decimal(0), "exposed_without_credit"), ("none", "no_limit")):
        planned = groups.set_group(
            world.runtime,
            "  Hansen   Gruppe ",
            credit_limit=limit,  # type: ignore[arg-type]
            members=("10000",),
            by="ada",
        )
        apply(world.runtime, planned.hash, by="ada")
        [used] = groups.utilisation(world.runtime, date(2026, 3, 2))
        assert (used.name, used.flag) == ("Hansen Gruppe", flag)
    with pytest.raises(ConfigurationError, match="-5 is no credit limit"):
        groups.set_group(world.runtime, "Hansen Gruppe", credit_limit=Decimal(-5), by="ada")
    with pytest.raises(ConfigurationError, match="needs a name"):
        groups.set_group(world.runtime, " ", by="ada")


def test_a_record_that_was_moved_is_in_both_histories(running: World, tmp_path: Path) -> None:
    """The debtor it left has it in its export, and so has the one it came to."""
    world, file = running, tmp_path / "audit.csv"
    both = [str(world.debtor_of("erp", key)) for key in ("E1", "E3")]
    for to in both:
        apply(world.runtime, links.link(world.runtime, "crm", "C3", to, by="ada").hash, by="ada")
    for debtor in both:
        export_audit(world.runtime, file, debtor=debtor)
        found = (
            duckdb.connect()
            .execute(
                f"SELECT op FROM '{file}' WHERE entity = 'link' AND field = 'debtor/crm/C3' ORDER BY seq"
            )
            .fetchall()
        )
        assert ("relink",) in found, debtor


def test_newest_changes_cut_off_with_their_seals_are_missed(running: World) -> None:
    """What is left is a whole chain; the digest that was kept elsewhere says that it was longer."""
    world = running
    apply(world.runtime, links.link(world.runtime, "crm", "C1", "10000", by="ada").hash, by="ada")
    kept = verify(world.store).head
    assert kept is not None
    apply(world.runtime, links.unlink(world.runtime, "crm", "C1", by="ada").hash, by="ada")
    assert verify(world.store, head=kept[:12].upper()).holds, "it is there, although no longer the newest"
    with pytest.raises(ConfigurationError, match="too short"):
        verify(world.store, head=kept[:5])
    with world.store.begin() as connection:
        for _ in range(2):
            newest = "(SELECT max(seal_id) FROM engine.audit_seal)"
            connection.exec_driver_sql(
                f"DELETE FROM canonical.change WHERE seq >= (SELECT first_seq FROM engine.audit_seal WHERE seal_id = {newest})"
            )
            connection.exec_driver_sql(f"DELETE FROM engine.audit_seal WHERE seal_id = {newest}")
    assert verify(world.store).holds
    found = verify(world.store, head=kept)
    assert (found.holds, found.lost) == (False, kept)


def test_the_audit_holds_after_decisions_and_tells_who(running: World, tmp_path: Path) -> None:
    """The chain verifies; a debtor's export has the link, its reason and its values; a change made past the engine is found."""
    world = running
    apply(
        world.runtime,
        links.link(world.runtime, "crm", "C1", "10000", by="ada").hash,
        by="ada",
        why="same people, I called them",
    )
    assert verify(world.store).holds
    for ending in ("csv", "parquet"):
        file = tmp_path / f"audit.{ending}"
        assert export_audit(world.runtime, file, debtor="10000") > 3
        rows = (
            duckdb.connect()
            .execute(
                f"SELECT entity, op, field, actor_kind, actor, reason FROM '{file}' WHERE actor = 'ada' ORDER BY seq"
            )
            .fetchall()
        )
        assert ("link", "link", "debtor/crm/C1", "user", "ada", "same people, I called them") in rows
        assert ("debtor", "update", "name", "user", "ada", "same people, I called them") in rows
    assert export_audit(world.runtime, tmp_path / "all.parquet") == world.one(
        "SELECT count(*) FROM canonical.change"
    )
    with pytest.raises(ConfigurationError, match="xlsx"):
        export_audit(world.runtime, tmp_path / "audit.xlsx")
    with world.store.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE canonical.change SET new = '\"forged\"' WHERE entity = 'debtor' AND field = 'name' AND actor = 'ada'"
        )
    assert [s.wrong for s in verify(world.store).broken] == ["a change was altered after it was sealed"]


def test_many_decisions_from_a_file(running: World, tmp_path: Path) -> None:
    """BOM, semicolons and an empty line are no trouble; all in one plan; what is vetoed is told; a broken row names its line."""
    world, file = running, tmp_path / "links.csv"
    file.write_bytes(
        "\ufeffaction;source;external_id;to\r\nlink;crm;C1;10000\r\n\r\nnot_the_same;crm;C3;10002\r\n;crm;C2;Müller GmbH\r\n".encode()
    )
    planned = links.bulk(world.runtime, file, by="ada")
    assert planned.counts["decisions"] >= 3
    apply(world.runtime, planned.hash, by="ada")
    assert world.debtor_of("crm", "C2") == world.debtor_of("erp", "E2")
    file.write_text("source,external_id,to\ncrm,,10000\ncrm,C3,\n")
    with pytest.raises(ConfigurationError, match="line 2: external_id is empty; line 3: to is empty"):
        links.bulk(world.runtime, file, by="ada")
    file.write_text("source,external_id,to\ncrm,C9,10000\ncrm,C3,4711\ncrm,C1,10000\n")
    with pytest.raises(
        ConfigurationError,
        match=r"decision 1 \(crm C9\): there is no debtor.*decision 2 \(crm C3\): there is no.*3 of 3 decisions",
    ):
        links.bulk(world.runtime, file, by="ada")
    file.write_text("source,external_id,to\n")
    with pytest.raises(ConfigurationError, match="holds no decision"):
        links.bulk(world.runtime, file, by="ada")
    file.write_text("source,id\n")
    with pytest.raises(ConfigurationError, match="unknown columns id"):
        links.bulk(world.runtime, file, by="ada")


def test_a_row_of_a_file_knows_the_rows_before_it(running: World, tmp_path: Path) -> None:
    """Two records of one source for one debtor are vetoed as they are one by one; what an earlier row frees is free; merges chain."""
    world, file = running, tmp_path / "links.csv"
    file.write_text("source,external_id,to\ncrm,C2,10002\ncrm,C3,10002\ncrm,C2,10002\n")
    planned = links.bulk(world.runtime, file, by="ada")
    assert [v.key for v in planned.vetoed] == ["C3"]
    apply(world.runtime, links.link(world.runtime, "crm", "C2", "10002", by="ada").hash, by="ada")
    bianchi = str(world.debtor_of("erp", "E3"))
    file.write_text(f"action,source,external_id,to\nunlink,crm,C2,\nlink,crm,C3,{bianchi}\n")
    assert links.bulk(world.runtime, file, by="ada").vetoed == []
    file.write_text("source,external_id,to\ncrm,C3,10000\ncrm,C3,10001\n")
    with pytest.raises(ConfigurationError, match=r"decision 2 \(crm C3\): row 1 decides about it too"):
        links.bulk(world.runtime, file, by="ada")
    before = world.state()
    file.write_text(
        "action,source,external_id,to\nlink,crm,C1,10003\nmerge,,10003,10001\nmerge,,10001,10000\nlink,dunning,T1,10003\n"
    )
    apply(world.runtime, planned_without_veto(world, file), by="ada")
    assert {
        world.debtor_of(*record)
        for record in (("crm", "C1"), ("erp", "E4"), ("erp", "E2"), ("dunning", "T1"))
    } == {world.debtor_of("erp", "E1")}
    apply(world.runtime, links.undo(world.runtime, by="ada").hash, by="ada")
    assert world.state() == before


def planned_without_veto(world: World, file: Path) -> str:
    """The hash of the plan of a file in which nothing is vetoed."""
    planned = links.bulk(world.runtime, file, by="ada")
    assert planned.vetoed == []
    return planned.hash


def test_the_commands(
    running: World,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    """Plan, apply, history, undo, policy and export, in JSON, with exit codes that mean something."""
    monkeypatch.setenv("SYNC_ENGINE_DATABASE_URL", running.store.url.render_as_string(hide_password=False))

    def call(*arguments: str) -> tuple[int, object]:
        with pytest.raises(SystemExit) as ended:
            main([*arguments, "--json"])
        text = capsys.readouterr().out
        return int(ended.value.code or 0), json.loads(text) if text else None

    code, planned = call("links", "link", "crm", "C1", "10000", "--as", "ada")
    assert code == 0
    assert isinstance(planned, dict)
    assert planned["counts"]["links"] == 3
    code, done = call("links", "apply", planned["hash"][:12], "--as", "ada", "--why", "same")
    assert (code, isinstance(done, dict) and done["applied"]) == (0, True)
    assert call("links", "apply", planned["hash"][:12])[0] == 2
    assert call("links", "link", "crm", "C9", "10000")[0] == 2
    code, history = call("links", "history")
    assert isinstance(history, dict)
    assert history["history"][0]["by"] == "ada"
    assert call("links", "undo", "--apply", "--as", "ada")[0] == 0
    assert running.debtor_of("crm", "C1") is None
    assert call("links", "suggestions", "crm")[0] == 0
    assert call("links", "cases")[0] == 0
    policy = tmp_path / "policy.yaml"
    policy.write_text("rules: [{ranking: [erp, crm, collections]}]")
    assert call("policy", "show", str(policy))[0] == 0
    code, found = call("policy", "diff", str(policy))
    assert (code, isinstance(found, dict) and found["counts"]["values"]) == (0, 0)
    assert call("audit", "export", str(tmp_path / "audit.csv"), "--debtor", "10000")[0] == 0
