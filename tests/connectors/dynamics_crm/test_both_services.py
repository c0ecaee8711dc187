"""Both services say the same of one state, down to the digits, and what is odd about the older one does not show behind it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from connectors.dynamics_crm.old_values import like_the_web_api
from connectors.toolkit.damaged_rows import DamagedRow
from sync_engine.config import settings_of
from sync_engine.errors import AuthenticationFailed, ConfigurationError, PermissionMissing, TransientError
from tests.connectors.dynamics_crm.stage import CONNECTION, CrmStage, records, rows, stage
from tests.simulators.dynamics_crm import Crm, Ref

ZURICH = ZoneInfo("Europe/Zurich")


def shown(row: dict[str, Any]) -> dict[str, Any]:
    """A row without the tag that only the Web API has."""
    return {name: value for name, value in row.items() if name != "@odata.etag"}


@pytest.fixture
def crm() -> Crm:
    """One state for both."""
    return CrmStage("web_api").crm


@pytest.fixture
def both(crm: Crm, monkeypatch: pytest.MonkeyPatch) -> tuple[CrmStage, CrmStage]:
    """The same organisation through the Web API and through the service of 2011."""
    stage("web_api")(monkeypatch)
    return CrmStage("web_api", crm), CrmStage("organization_data", crm)


def test_both_services_say_the_same(both: tuple[CrmStage, CrmStage]) -> None:
    """Every set, every row, every column: lookups, choices, amounts, days, instants before 1970, and what is not said."""
    new, old = (one.open() for one in both)
    assert list(new.streams) == list(old.streams)
    for entity in new.streams:
        theirs, ours = rows(new, entity), rows(old, entity)
        assert theirs.keys() == ours.keys(), entity
        for key, row in theirs.items():
            assert shown(row) == ours[key], entity
        stamps = {k: r.changed_at for k, r in records(new, entity).items()}
        assert {k: r.changed_at for k, r in records(old, entity).items()} == stamps


def test_amounts_keep_their_digits(both: tuple[CrmStage, CrmStage]) -> None:
    """Money is text in the older service and a number in the newer one; it is a number with its digits behind both."""
    for one in both:
        payload = records(one.open(), "accounts")[one.account(1)].payload
        assert b'"creditlimit":123.45' in payload.replace(b" ", b"")
        assert msgspec.json.decode(payload)["opendeals_date"].startswith("1969-12-31T23:59:59.25")


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ("/Date(1663715691000)/", "2022-09-20T23:14:51Z"),
        ("/Date(1663715691000+0120)/", "2022-09-20T23:14:51Z"),
        ("/Date(1663715691000-0500)/", "2022-09-20T23:14:51Z"),
        ("/Date(-250)/", "1969-12-31T23:59:59.750Z"),
        ("/Date(-62135596800000)/", "0001-01-01T00:00:00Z"),
        ("/Date(99999999999999999)/", "/Date(99999999999999999)/"),
        ("see /Date(0)/", "see /Date(0)/"),
    ],
)
def test_milliseconds_are_an_instant(said: str, read: str) -> None:
    """Before 1970 too, with an offset that changes nothing; what only looks like one is text."""
    row = like_the_web_api(msgspec.Raw(msgspec.json.encode({"ModifiedOn": said})), ZURICH)
    assert msgspec.json.decode(bytes(row)) == {"modifiedon": read}


def test_a_day_is_the_day_of_its_user() -> None:
    """The 29th of March begins at 23:00 UTC the day before, and in summer at 22:00: read in UTC it would be another day."""
    for at, day in (
        (datetime(2026, 3, 28, 23, tzinfo=UTC), "2026-03-29"),
        (datetime(2026, 7, 1, 22, tzinfo=UTC), "2026-07-02"),
    ):
        row = msgspec.Raw(msgspec.json.encode({"DueDate": f"/Date({int(at.timestamp() * 1000)})/"}))
        assert msgspec.json.decode(bytes(like_the_web_api(row, ZURICH, {"duedate"}))) == {"duedate": day}


def test_shapes_of_2011_are_taken_apart() -> None:
    """A lookup that is empty is an object full of nulls; links and metadata go; what nobody knows stays."""
    odd = {
        "__metadata": {"uri": "x", "type": "Microsoft.Crm.Sdk.Data.Services.Account"},
        "OwnerId": {
            "Id": "7A4814F9-B0B8-EA11-A812-000D3A122B89",
            "LogicalName": "team",
            "Name": "x",
            "RowVersion": None,
        },
        "MasterId": {"Id": None, "LogicalName": None, "Name": None, "RowVersion": None},
        "IsCustomizable": {
            "__metadata": {"type": "Microsoft.Crm.Sdk.Data.Services.BooleanManagedProperty"},
            "Value": True,
            "CanBeChanged": False,
        },
        "contact_customer_accounts": {"__deferred": {"uri": "x"}},
        "Odd": {"x": 1},
        "VersionNumber": None,
    }
    assert msgspec.json.decode(bytes(like_the_web_api(msgspec.Raw(msgspec.json.encode(odd)), ZURICH))) == {
        "_ownerid_value": "7a4814f9-b0b8-ea11-a812-000d3a122b89",
        "_ownerid_value@Microsoft.Dynamics.CRM.lookuplogicalname": "team",
        "_masterid_value": None,
        "iscustomizable": True,
        "odd": {"x": 1},
        "versionnumber": None,
    }
    damaged = DamagedRow(b"{", "is cut short")
    assert like_the_web_api(damaged, ZURICH) is damaged


def test_pages_of_2011_are_followed_by_their_links(both: tuple[CrmStage, CrmStage]) -> None:
    """`$skip` fails behind some thousand rows, and its error is not the end of the list: nothing is ever skipped."""
    old = both[1]
    assert len(rows(old.open(), "accounts")) == 11
    assert not [asked for asked in old.transport.asked if "$skip=" in asked]
    assert [asked for asked in old.transport.asked if "$skiptoken=2,'accountid','%7B" in asked]
    status, body = old.transport.organization_data.get("AccountSet", "$skip=8")
    assert (status, "Paging cookie required" in str(body)) == (500, True)


def test_what_breaks_in_the_middle_is_not_complete(
    both: tuple[CrmStage, CrmStage], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error about the paging cookie, HTTP 500, ends the read with a failure: what was not seen is not gone."""
    old, usual = both[1], type(both[1].transport.organization_data).get

    def broken(self: Any, path: str, query: str) -> tuple[int, dict[str, Any]]:
        if "$skiptoken" in query:
            return 500, {
                "error": {
                    "code": "",
                    "message": {"lang": "en-US", "value": "Paging cookie required to retrieve more records."},
                }
            }
        return usual(self, path, query)

    monkeypatch.setattr(type(old.transport.organization_data), "get", broken)
    seen: list[bool] = []
    batches = old.open().pull("contacts", None)
    with pytest.raises(TransientError, match="500"):
        seen += (batch.complete for batch in batches)
    assert True not in seen


def test_a_web_page_instead_of_data_is_a_lost_login(both: tuple[CrmStage, CrmStage]) -> None:
    """HTTP 200 with a form: once it is logged in again, twice it is said, and never taken for an empty list."""
    old = both[1]
    connector = old.open()
    assert connector.streams
    old.transport.pages = 1
    assert len(rows(connector, "accounts")) == 11
    old.transport.pages = 2
    with pytest.raises(AuthenticationFailed, match="web page instead of data"):
        rows(connector, "accounts")


def test_a_throttled_login_waits_as_long_as_it_is_told(both: tuple[CrmStage, CrmStage]) -> None:
    """429 with Retry-After, in seconds."""
    new = both[0]
    connector = new.open()
    assert connector.streams
    new.transport.throttled, before = 2, new.crm.at
    assert len(rows(connector, "users")) == 1
    assert (new.crm.at - before).total_seconds() == 14


def test_links_come_back_as_they_were_sent(both: tuple[CrmStage, CrmStage]) -> None:
    """Encoded twice and with the same preferences: the simulator takes no other."""
    new = both[0]
    assert len(rows(new.open(), "accounts")) == 11
    following = [asked for asked in new.transport.asked if "skiptoken" in asked and "/accounts" in asked]
    assert following
    assert all("pagingcookie=%22%253Ccookie" in asked for asked in following)
    prefer = {
        h["prefer"]
        for a, h in zip(new.transport.asked, new.transport.headers, strict=True)
        if "/accounts?$select=accountid,accountnumber" in a
    }
    assert prefer == {
        'odata.maxpagesize=4,odata.track-changes,odata.include-annotations="Microsoft.Dynamics.CRM.lookuplogicalname"'
    }


def test_only_reads_are_sent(both: tuple[CrmStage, CrmStage]) -> None:
    """Nothing but GET reaches the CRM, whatever is asked of the connector."""
    for one in both:
        connector = one.open()
        connector.probe()
        for entity in connector.streams:
            rows(connector, entity)
            connector.totals(entity)
            list(connector.keys(entity))
        list(connector.pull_debtor(one.debtor()))
        assert {asked.split()[0] for asked in one.transport.asked} == {"GET"}


def test_the_doctor_says_how_each_set_is_read(both: tuple[CrmStage, CrmStage]) -> None:
    """Tracked or by stamp; a set that is not there is named."""
    new, old = both
    new.crm.tracked.discard("contact")
    said = {c.name: c.detail for c in new.open().probe().capabilities}
    assert said["accounts"] == "accounts, changes tracked"
    assert "daily sweep" in said["contacts"]
    assert old.open().probe().product == "Dynamics CRM (2011)"
    wrong = new.open(sets={"teams": {"set": "squads"}}).probe()
    assert not next(c for c in wrong.capabilities if c.name == "teams").available


def test_counts_are_said_as_far_as_they_are_true(
    both: tuple[CrmStage, CrmStage], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dataverse counts to 5,000 and no further; the older service does not count."""
    new, old = both
    assert new.open().count("accounts") == 11
    monkeypatch.setattr("connectors.dynamics_crm.web_api.MOST_COUNTED", 11)
    assert new.open().count("accounts") is None
    assert old.open().count("accounts") is None


def test_a_right_that_is_missing_is_no_empty_answer(
    both: tuple[CrmStage, CrmStage], monkeypatch: pytest.MonkeyPatch
) -> None:
    """403 with the CRM's code for a missing privilege."""
    new = both[0]
    connector, usual = new.open(), type(new.transport.web_api).get
    assert connector.streams

    def refused(self: Any, path: str, query: str, prefer: str) -> tuple[int, dict[str, Any]]:
        if path == "contacts":
            return 403, {
                "error": {
                    "code": "0x80040220",
                    "message": "Principal user is missing prvReadContact privilege",
                }
            }
        return usual(self, path, query, prefer)

    monkeypatch.setattr(type(new.transport.web_api), "get", refused)
    with pytest.raises(PermissionMissing):
        rows(connector, "contacts")


@pytest.mark.parametrize(
    ("dialect", "changes", "said"),
    [
        ("organization_data", {"auth": {"kind": "ntlm"}}, "NTLM is not spoken.*kind: basic"),
        ("organization_data", {"auth": CONNECTION["web_api"]["auth"]}, "logged in to with kind: basic"),
        ("organization_data", {"option_sets": {"CustomerTypeCode": {}}}, "tells no labels"),
        ("web_api", {"base_url": "http://crm.example.com"}, "never sent in the clear"),
        ("web_api", {"declared": {"unicorns": {"set": "x", "key": "XId"}}}, "an entity begins with"),
        ("web_api", {"sets": {"accounts": {"columns": ["name eq 'x'"]}}}, "must be a schema name"),
        ("web_api", {"time_zone": "Middle/Earth"}, "is not a time zone"),
        (
            "web_api",
            {"auth": {"tenant_id": "t", "client_id": "c", "client_secret": "s3cret"}},
            "the secret itself stands",
        ),
        (
            "web_api",
            {"auth": {"kind": "certificate", "tenant_id": "t", "client_id": "c", "private_key": "env:X"}},
            "needs public_certificate",
        ),
    ],
)
def test_settings_that_cannot_work_are_refused(dialect: str, changes: dict[str, Any], said: str) -> None:
    """With what to write instead, and without what was written."""
    from connectors.dynamics_crm import plugin

    with pytest.raises(ConfigurationError, match=said) as caught:
        settings_of(plugin.settings, {**CONNECTION[dialect], **changes}, "crm connection")
    assert "s3cret" not in str(caught.value)


def test_a_lookup_may_lead_to_another_table(both: tuple[CrmStage, CrmStage]) -> None:
    """A complaint of a contact belongs to no account, though its id looks like one."""
    for one in both:
        contact = next(iter(one.crm.rows["contact"]))
        key = one.crm.add("incident", Title="x", CustomerId=Ref("contact", contact))
        assert rows(one.open(), "activity_complaints")[key]["@syncEngine.account"] is None
