"""What changes in a CRM between two reads: tracked or not, deleted, re-created, merged, moved, renamed, deactivated; and a token that expires."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from connectors.dynamics_crm import DynamicsCrm
from sync_engine.errors import CursorExpired
from sync_engine.records import Cursor, RecordBatch
from tests.connectors.dynamics_crm.stage import CrmStage, rows, stage
from tests.simulators.dynamics_crm import Option, Ref

DIALECTS = ("web_api", "organization_data")


@pytest.fixture(params=DIALECTS)
def crm(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> CrmStage:
    """An organisation through either service."""
    return stage(request.param)(monkeypatch)


@pytest.fixture
def online(monkeypatch: pytest.MonkeyPatch) -> CrmStage:
    """An organisation through the Web API."""
    return stage("web_api")(monkeypatch)


def pulled(
    connector: DynamicsCrm, entity: str, since: Any = None
) -> tuple[set[str], set[str], Cursor | None]:
    """Keys that came, keys that were told as gone, and the cursor."""
    batches: list[RecordBatch] = list(connector.pull(entity, since))
    return (
        {r.key for b in batches for r in b.records},
        {key for b in batches for key in b.deleted},
        batches[-1].resume_from,
    )


def test_tracked_changes_are_all_that_comes(online: CrmStage) -> None:
    """What was edited, made and deleted since, nothing else; also what was made and deleted in between."""
    connector = online.open()
    _, _, cursor = pulled(connector, "accounts")
    online.crm.sleep(60)
    edited = online.crm.touch("account", online.account(2), Name="x")
    made = online.crm.add("account", Name="y", Merged=False)
    gone, brief = online.account(4), online.crm.add("account", Name="z", Merged=False)
    for key in (gone, brief):
        online.crm.delete("account", key)
    came, deleted, cursor = pulled(connector, "accounts", cursor)
    assert (came, deleted) == ({edited, made}, {gone, brief})
    assert pulled(connector, "accounts", cursor)[:2] == (set(), set())
    assert connector.streams["accounts"].reports_deletes


def test_an_expired_token_asks_for_everything(online: CrmStage) -> None:
    """After seven days the CRM has forgotten what was deleted: the read fails before its first batch, with the word for it."""
    connector = online.open()
    cursor = pulled(connector, "accounts")[2]
    online.crm.sleep(8 * 86400)
    online.crm.delete("account", online.account(4))
    with pytest.raises(CursorExpired):
        next(iter(connector.pull("accounts", cursor)))


def test_without_tracking_the_stamp_is_asked(online: CrmStage) -> None:
    """With an overlap, for a record is stamped before it is committed; deleted ones are left to the daily sweep."""
    online.crm.tracked.clear()
    connector = online.open()
    cursor = pulled(connector, "accounts")[2]
    online.crm.sleep(60)
    edited = online.crm.touch("account", online.account(2), Name="x")
    late = online.crm.touch("account", online.account(3), Name="committed late")
    online.crm.rows["account"][late]["ModifiedOn"] = online.crm.rows["account"][online.account(10)][
        "ModifiedOn"
    ]
    assert pulled(connector, "accounts", cursor)[0] == {edited, late, online.account(10)}
    assert not connector.streams["accounts"].reports_deletes


def test_a_stamp_from_the_future_carries_nothing_away(crm: CrmStage) -> None:
    """A server's clock that ran ahead left a stamp of tomorrow: the cursor stays with the clock as it is now."""
    crm.crm.tracked.clear()
    tomorrow = crm.account(10)
    crm.crm.rows["account"][tomorrow]["ModifiedOn"] = crm.crm.at.replace(year=2027, microsecond=0)
    connector = crm.open()
    cursor = pulled(connector, "accounts")[2]
    crm.crm.sleep(3600)
    edited = crm.crm.touch("account", crm.account(1), Name="x")
    assert edited in pulled(connector, "accounts", cursor)[0]


def test_a_cursor_of_other_columns_reads_everything(crm: CrmStage) -> None:
    """A column that is read from now on is not in what changed since: everything comes again, and nobody counts as gone."""
    cursor = pulled(crm.open(), "contacts")[2]
    batches = list(crm.open(sets={"contacts": {"columns": ["CreatedOn"]}}).pull("contacts", cursor))
    assert len({r.key for b in batches for r in b.records}) == 11
    assert not batches[-1].complete
    assert pulled(crm.open(), "contacts", Cursor("what is this"))[0]


def test_tracking_that_is_switched_on_later_is_used(online: CrmStage) -> None:
    """From the next read on, which reads everything once more."""
    online.crm.tracked.discard("contact")
    cursor = pulled(online.open(), "contacts")[2]
    online.crm.tracked.add("contact")
    connector = online.open()
    came, _, cursor = pulled(connector, "contacts", cursor)
    assert len(came) == 11
    assert pulled(connector, "contacts", cursor)[0] == set()


def test_what_belongs_to_a_merged_account_belongs_to_its_master(crm: CrmStage) -> None:
    """Also where the CRM left the contact where it was, and through two mergers one after the other."""
    first, second, last = crm.account(1), crm.account(2), crm.account(3)
    connector = crm.open()
    contact = next(k for k, r in crm.crm.rows["contact"].items() if r["ParentCustomerId"].id == first)
    cursor = pulled(connector, "contacts")[2]
    crm.crm.sleep(3600)
    crm.crm.merge(first, second)
    crm.crm.sleep(60)
    crm.crm.merge(second, last)
    assert rows(connector, "contacts", cursor)[contact]["@syncEngine.account"] == last
    assert rows(connector, "contacts")[contact]["@syncEngine.account"] == last
    found = list(connector.pull_debtor(first))
    assert {r.key for b in found if b.entity == "accounts" for r in b.records} == {first, last}
    assert contact in {r.key for b in found if b.entity == "contacts" for r in b.records}


def test_a_ring_of_mergers_is_left_alone(crm: CrmStage) -> None:
    """Two accounts that claim to live on in each other: nobody guesses."""
    crm.crm.merge(crm.account(1), crm.account(2))
    crm.crm.merge(crm.account(2), crm.account(1))
    found = rows(crm.open(), "contacts").values()
    assert {crm.account(1), crm.account(2)} <= {row["@syncEngine.account"] for row in found}


def test_a_contact_that_moves_says_where_it_is_now(crm: CrmStage) -> None:
    """To another account, and to none."""
    connector = crm.open()
    cursor = pulled(connector, "contacts")[2]
    moved, left = list(crm.crm.rows["contact"])[:2]
    crm.crm.sleep(3600)
    crm.crm.touch("contact", moved, ParentCustomerId=Ref("account", crm.account(7)))
    crm.crm.touch("contact", left, ParentCustomerId=None)
    found = rows(connector, "contacts", cursor)
    assert (found[moved]["@syncEngine.account"], found[left]["@syncEngine.account"]) == (crm.account(7), None)


def test_a_number_that_is_corrected_is_the_same_account(crm: CrmStage) -> None:
    """The key is the id."""
    connector = crm.open()
    cursor = pulled(connector, "accounts")[2]
    crm.crm.sleep(3600)
    key = crm.crm.touch("account", crm.account(2), AccountNumber="99999", StateCode=Option(1))
    row = rows(connector, "accounts", cursor)[key]
    assert (row["accountnumber"], row["statecode"]) == ("99999", 1)


def test_a_debtor_that_is_gone_is_told(crm: CrmStage) -> None:
    """Nothing else is asked then."""
    gone = crm.account(2)
    crm.crm.delete("account", gone)
    assert [(b.entity, list(b.records), b.deleted) for b in crm.open().pull_debtor(gone)] == [
        ("accounts", [], (gone,))
    ]


def test_a_filter_leaves_tracking_aside(online: CrmStage) -> None:
    """Dataverse tracks no changes of a selection; what leaves it is found by the sweep."""
    connector = online.open(sets={"accounts": {"filter": "statecode eq 0"}})
    _, _, cursor = pulled(connector, "accounts")
    online.crm.sleep(3600)
    online.crm.touch("account", online.account(2), StateCode=Option(1))
    assert online.account(2) not in pulled(connector, "accounts", cursor)[0]
    assert online.account(2) not in pulled(connector, "accounts")[0]
    assert not connector.streams["accounts"].reports_deletes
    assert "link" not in msgspec.json.decode(cursor or "")
