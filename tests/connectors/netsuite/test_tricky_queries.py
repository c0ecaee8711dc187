"""What SuiteQL, its login and its pages do that a reader does not expect."""

from __future__ import annotations

from datetime import timedelta

import httpx
import msgspec
import pytest

from sync_engine.errors import AuthenticationFailed, ConfigurationError, SourceError
from sync_engine.records import Cursor
from tests.connectors.netsuite.asked import batches, cursor, drafts, pulled
from tests.connectors.netsuite.stage import NetSuiteStage
from tests.simulators.netsuite import server

# --- logging in


def test_every_attempt_is_signed_with_a_nonce_of_its_own(there: NetSuiteStage) -> None:
    """The server refuses a nonce that it has seen; two refusals and a maintenance page pass by themselves (4, 24)."""
    there.transport.faults.maintenance = 2
    there.transport.faults.unauthorized = 1
    assert pulled(there.open(), "company")


def test_it_is_signed_when_it_is_sent_not_before_it_waits(there: NetSuiteStage) -> None:
    """Five minutes of waiting for a slot later, a signature is too old: `Invalid login attempt` (5)."""
    there.transport.faults.too_many = 7
    began = there.books.time.now()
    assert pulled(there.open(), "company")
    assert there.books.time.now() - began > timedelta(minutes=1)


def test_too_many_requests_are_waited_out_in_all_their_forms(
    there: NetSuiteStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """429 without Retry-After, and 400 with SSS_REQUEST_LIMIT_EXCEEDED, as RESTlets say it (24)."""
    refused = [
        there.transport._refused(400, "SSS_REQUEST_LIMIT_EXCEEDED", "Request limit exceeded."),
        there.transport._refused(429, "CONCURRENCY_LIMIT_EXCEEDED", "Concurrent request limit exceeded."),
    ]
    monkeypatch.setattr(there.transport, "_fault", lambda: refused.pop() if refused else None)
    assert pulled(there.open(), "company")


def test_a_login_that_is_gone_is_not_tried_for_ever(there: NetSuiteStage) -> None:
    """A refresh of a sandbox removes its tokens: it is asked twice, then a person must act (25)."""
    there.refuse()
    with pytest.raises(AuthenticationFailed):
        there.open().probe()
    assert len(there.transport.asked) == 2


@pytest.mark.parametrize("spelling", ["TSTDRV12345_SB1", "tstdrv12345-sb1", " tstdrv12345_sb1 "])
def test_an_account_has_one_host_and_one_realm(there: NetSuiteStage, spelling: str) -> None:
    """In whatever spelling it is given: the host has a hyphen, the realm an underscore."""
    assert pulled(there.open(account=spelling), "company")


def test_nothing_is_asked_but_suiteql_of_the_accounts_own_host(there: NetSuiteStage) -> None:
    """Records cannot all be loaded by REST: an administrator's own employee record is refused (30)."""
    hosts = set[str]()
    handle = there.transport.handle_request

    def watched(request: httpx.Request) -> httpx.Response:
        hosts.add(request.url.host)
        return handle(request)

    there.transport.handle_request = watched  # type: ignore[method-assign]
    connector = there.open()
    for entity in connector.streams:
        pulled(connector, entity)
    assert {path.partition("?")[0] for path in there.transport.asked} == {server.SUITEQL}
    assert hosts == {"tstdrv12345-sb1.suitetalk.api.netsuite.com"}


# --- rows


def test_what_is_left_out_of_a_row_is_null(there: NetSuiteStage) -> None:
    """Nulls are omitted; the first row must not say which columns there are (6)."""
    first, second = there.customers[:2]
    there.books.edit("customer", second, phone="+45 86 12 34 56")
    found = pulled(there.open(page_size=1000), "customers")
    assert found[str(first)]["phone"] is None
    assert found[str(second)]["phone"] == "+45 86 12 34 56"
    there.books.edit("customer", second, phone=None)
    assert drafts("customers", pulled(there.open(), "customers"))[str(second)]["phone"] is None


def test_amounts_are_decimals_from_their_text(there: NetSuiteStage) -> None:
    """Numbers come as text; nothing of an amount goes through a binary fraction (7)."""
    invoice = there.books.invoice(there.customers[0], "0.10", "0.20", "1234567890.12", subsidiary=2)
    found = drafts("documents", pulled(there.open(), "documents"))[str(invoice)]
    assert (found["total"], found["subtotal"]) == ("1234567890.42", "1234567890.42")


def test_an_alias_that_is_ignored_costs_nothing(there: NetSuiteStage) -> None:
    """A single column may be called EXPR1 whatever it was asked to be called (8)."""
    connector = there.open()
    since = cursor(connector, "applications")
    there.books.time.sleep(7200)
    invoice = there.books.invoice(there.customers[0], "50", subsidiary=2)
    payment = there.books.pay(there.customers[0], "20", {invoice: "20"}, subsidiary=2)
    there.books.session.ignores_alias = True
    assert f"{invoice}|0|{payment}|0" in pulled(there.open(), "applications", since)


def test_the_users_format_of_dates_changes_no_record(there: NetSuiteStage) -> None:
    """Dates are told in the format that the user has chosen, and date-times lose their time, unless asked otherwise (9, 10)."""
    connector = there.open()
    before = {entity: pulled(connector, entity) for entity in connector.streams}
    there.books.session.date_format = "%d-%b-%Y"
    there.books.session.zone = "Europe/Copenhagen"
    again = there.open()
    assert {entity: pulled(again, entity) for entity in again.streams} == before
    stamps = {row["modified"] for row in before["customers"].values()}
    assert "2026-03-02T20:00:00Z" in stamps


def test_a_hundred_thousand_rows_are_no_limit(there: NetSuiteStage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows beyond it cannot be reached by an offset: pages go on behind a key, and offset is never used (11)."""
    monkeypatch.setattr(server, "FURTHEST", 6)
    connector = there.open()
    assert len(pulled(connector, "customers")) == 7
    assert 6 < len(pulled(connector, "documents")) == connector.count("documents")
    assert not any("offset" in path for path in there.transport.asked)


def test_rows_that_come_and_go_between_pages_shift_nothing(there: NetSuiteStage) -> None:
    """Pages are sorted by a unique key and begin behind the last one (12)."""
    keys = there.customers
    reading = there.open(page_size=2).pull("customers", None)
    seen = [next(reading)]
    there.books.db.execute('DELETE FROM "customer" WHERE "id" = ?', (keys[0],))
    seen += reading
    assert [record.key for batch in seen for record in batch.records] == list(map(str, keys))


def test_a_query_that_is_too_wide_is_refused_and_not_empty(there: NetSuiteStage) -> None:
    """With more than 100 columns the service answers no rows, and success (13)."""
    fields = [f"custentity_{number}" for number in range(80)]
    with pytest.raises(ConfigurationError, match="columns in one query"):
        pulled(there.open(customer_fields=fields), "customers")


def test_control_characters_and_entities_of_names_come_through(there: NetSuiteStage) -> None:
    """They are text like any other; what no database stores is the mapping's to refuse (31)."""
    name = "K\u0001A &amp; S <b>\u2028"
    there.books.edit("customer", there.customers[0], altname=name, companyname=None)
    found = pulled(there.open(), "customers")[str(there.customers[0])]
    assert found["altname"] == name


def test_a_field_that_is_not_there_is_left_out_and_told(there: NetSuiteStage) -> None:
    """Its refusal names it; the field says nothing, which is not that it is empty (15)."""
    there.books.session.gone_columns = {"salesrep", "vatregnumber"}
    connector = there.open()
    row = next(iter(pulled(connector, "customers").values()))
    assert "salesrep" not in row
    assert "vatregnumber" not in row
    assert row["entityid"]
    assert "salesrep (the field salesrep cannot be told)" in connector.oddities["customers"]


def test_a_field_over_which_the_service_breaks_down_is_found_by_halving(there: NetSuiteStage) -> None:
    """UNEXPECTED_ERROR names nobody (15)."""
    there.books.session.broken_columns = {"creditlimit", "custentity_dunning"}
    connector = there.open(customer_fields=["custentity_dunning"])
    row = next(iter(pulled(connector, "customers").values()))
    assert {"creditlimit", "custentity_dunning"} & row.keys() == set()
    assert row["entityid"]
    assert "creditlimit" in connector.oddities["customers"]


def test_a_field_that_nothing_works_without_fails_its_stream_only(there: NetSuiteStage) -> None:
    """Without what is open no document is told; customers are."""
    there.books.session.gone_columns = {"foreigntotal"}
    connector = there.open()
    with pytest.raises(SourceError, match="foreigntotal"):
        pulled(connector, "documents")
    assert pulled(connector, "customers")


def test_a_cursor_of_another_kind_is_refused(there: NetSuiteStage) -> None:
    """With what to do about it."""
    with pytest.raises(SourceError, match="cursor"):
        batches(there.open(), "customers", Cursor("2026-03-02"))


def test_other_columns_make_it_read_everything_again(there: NetSuiteStage) -> None:
    """A custom field that is added to the settings is there for records that did not change."""
    since = cursor(there.open(), "customers")
    there.books.edit("customer", there.customers[0], custentity_dunning="gentle", touch=False)
    there.books.time.sleep(48 * 3600)
    found = pulled(there.open(customer_fields=["custentity_dunning"]), "customers", since)
    assert found[str(there.customers[0])]["custentity_dunning"] == "gentle"
    assert len(found) == 7


def test_a_long_list_is_read_in_parts_at_a_time(there: NetSuiteStage) -> None:
    """All of it, and nothing twice; each part asks for the lines of its own documents."""
    for _ in range(30):
        there.books.invoice(there.customers[0], "5", subsidiary=2)
    connector = there.open(page_size=2, concurrent=3)
    found = [record for batch in batches(connector, "documents") for record in batch.records]
    assert len(found) == len({record.key for record in found}) == connector.count("documents")
    rows = [msgspec.json.decode(record.payload) for record in found]
    assert all(row["lines"] for row in rows if row["type"] == "CustInvc")
    assert sum("t.id < " in query for query in there.transport.queries) >= 6


def test_parts_of_a_list_that_stumble_look_for_the_column_once(there: NetSuiteStage) -> None:
    """Each part is refused; what is found is found for all of them."""
    for _ in range(30):
        there.books.invoice(there.customers[0], "5", subsidiary=2)
    there.books.session.broken_columns = {"otherrefnum"}
    connector = there.open(page_size=2, concurrent=3)
    found = pulled(connector, "documents")
    assert len(found) == connector.count("documents")
    assert all("otherrefnum" not in row for row in found.values())
    assert 0 < sum(path.endswith("limit=1") for path in there.transport.asked) < 15
