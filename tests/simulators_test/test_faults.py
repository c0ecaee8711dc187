"""Faults: each one strikes as it says, they compose, and they can be had over HTTP."""

import json
import socket
from datetime import timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest

from tests.simulators.business_central import BusinessCentralSimulator, SimulatorTransport, serve
from tests.simulators.business_central import faults as f
from tests.simulators.business_central.http import ConnectionDropped
from tests.simulators_test.conftest import Tenant, exact


@pytest.fixture
def peopled(tenant: Tenant) -> Tenant:
    """Six customers."""
    for place in range(6):
        tenant.company.create_customer(f"Customer {place}", number=f"0{place}")
    return tenant


@pytest.mark.parametrize(
    ("fault", "status", "text"),
    [
        (f.Throttled(), 429, '"Application_TooManyRequests"'),
        (f.ServerBusy(502), 502, '"error"'),
        (f.ServerBusy(503, retry_after=7), 503, "Internal_ServerBusy"),
        (f.ServerBusy(504), 504, '"error"'),
        (f.ServerBusy(408), 408, "Application_OperationTimeout"),
        (f.Deadlock(), 409, "deadlocked with another user. Please retry the activity."),
        (f.TryAgainLater(), 400, "Please try again later."),
        (f.DataUpgradeNeeded(), 400, "You must run the data upgrade for this API page"),
        (f.HtmlErrorPage(), 502, "<html>"),
        (f.XmlError(), 503, "<code>ServiceUnavailable</code>"),
        (f.EmptyUnauthorized(), 401, ""),
    ],
    ids=lambda x: type(x).__name__ if isinstance(x, f.Fault) else None,
)
def test_answers_that_are_errors(peopled: Tenant, fault: f.Fault, status: int, text: str) -> None:
    """Each has its status and body; with the fault taken away all is well."""
    peopled.simulator.inject(fault)
    answer = peopled.get("customers")
    assert answer.status_code == status
    assert text in answer.text
    assert answer.headers.get("Retry-After") == ("7" if "Busy" in text else None)
    peopled.simulator.heal()
    assert peopled.get("customers").status_code == 200


def test_when_a_fault_strikes(peopled: Tenant) -> None:
    """Every n-th, after some, a number of times, on a path, with a probability from a seed."""
    cases: list[tuple[dict[str, Any], list[int]]] = [
        ({"every": 2}, [200, 429, 200, 429]),
        ({"after": 1, "times": 1}, [200, 429, 200, 200]),
        ({"match": "/contacts"}, [200, 200, 200, 200]),
        ({"times": 2}, [429, 429, 200, 200]),
    ]
    for when, expected in cases:
        peopled.simulator.inject(f.Throttled(**when))
        assert [peopled.get("customers").status_code for _ in range(4)] == expected
        peopled.simulator.heal()
    runs = []
    for _ in range(2):
        peopled.simulator.inject(f.Throttled(probability=0.5, seed=4))
        runs.append([peopled.get("customers").status_code for _ in range(8)])
        peopled.simulator.heal()
    assert runs[0] == runs[1]
    assert set(runs[0]) == {200, 429}


def test_faults_compose(peopled: Tenant) -> None:
    """Throttling, a dying token and a busy server all happen to the same run."""
    peopled.simulator.inject(f.Throttled(every=3), f.ExpiresToken(after=4), f.ServerBusy(every=2, times=1))
    assert [peopled.get("customers").status_code for _ in range(6)] == [200, 503, 429, 200, 401, 429]


def test_a_dropped_connection(peopled: Tenant) -> None:
    """In process it reaches the caller; over a socket the answer ends before or in the middle of the body."""
    peopled.simulator.inject(f.DropsConnection(times=1))
    with pytest.raises(ConnectionDropped):
        peopled.get("customers")
    assert peopled.simulator.log[-1].status == 0
    with serve(peopled.simulator, tls=False) as handle:
        url = peopled.url("customers").replace("http://localhost", handle.url)
        with httpx.Client(
            headers={"Authorization": peopled.client.headers["Authorization"]}, trust_env=False
        ) as client:
            for midway in (False, True):
                peopled.simulator.inject(f.DropsConnection(midway=midway, times=1))
                with pytest.raises(httpx.TransportError):
                    client.get(url)
            assert client.get(url).status_code == 200


@pytest.mark.parametrize(("midway", "error"), [(False, httpx.ReadError), (True, httpx.RemoteProtocolError)])
def test_the_transport_drops_like_a_network(peopled: Tenant, midway: bool, error: type[Exception]) -> None:
    """Through SimulatorTransport a dropped connection is what httpx would raise."""
    peopled.simulator.inject(f.DropsConnection(midway=midway, times=1))
    headers = {"Authorization": peopled.client.headers["Authorization"]}
    with httpx.Client(transport=SimulatorTransport(peopled.simulator), headers=headers) as client:
        with pytest.raises(error):
            client.get(peopled.url("customers"))
        assert (
            client.get(peopled.url("customers?$filter=contains(displayName,'Customer')")).status_code == 200
        )


def test_slow_pages_sleep_without_holding_the_world(peopled: Tenant) -> None:
    """The delay goes through the injected sleep."""
    slept: list[float] = []
    peopled.simulator.sleep = slept.append
    peopled.simulator.inject(f.SlowPages(2.5, match="customers"))
    peopled.get("customers")
    peopled.get("contacts")
    assert slept == [2.5]
    peopled.simulator.heal()
    peopled.simulator.inject(f.SlowPages(1, times=1))
    peopled.get("contacts")
    peopled.get("contacts")
    assert slept == [2.5, 1]


def test_large_pages_time_out_until_they_shrink(peopled: Tenant) -> None:
    """More than a number of rows is too much; fewer are served."""
    peopled.simulator.inject(f.LargePagesTimeOut(rows=3))
    sizes = (6, 4, 3)
    assert [peopled.get("customers", Prefer=f"odata.maxpagesize={n}").status_code for n in sizes] == [
        408,
        408,
        200,
    ]


def test_a_page_that_leads_to_itself(peopled: Tenant) -> None:
    """The next link of the page is its own address."""
    peopled.simulator.inject(f.RepeatsPage())
    page = peopled.get("customers?$select=number", Prefer="odata.maxpagesize=2").json()
    again = peopled.client.get(page["@odata.nextLink"], headers={"Prefer": "odata.maxpagesize=2"}).json()
    assert page == again


def test_a_next_link_to_another_host(peopled: Tenant) -> None:
    """Only pages that have a next link get a foreign one."""
    peopled.simulator.inject(f.ForeignNextLink())
    page = peopled.get("customers", Prefer="odata.maxpagesize=2").json()
    assert page["@odata.nextLink"].startswith("http://attacker.example.com/")
    assert "@odata.nextLink" not in peopled.get("customers").json()


def test_a_sweep_that_ends_early(peopled: Tenant) -> None:
    """A truncated list says nothing about it."""
    peopled.simulator.inject(f.ShortSweep(keep=1))
    page = peopled.get("customers", Prefer="odata.maxpagesize=2").json()
    assert (len(page["value"]), "@odata.nextLink" in page) == (1, False)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("dueDate", "2026-02-31"),
        ("remainingAmount", 12345678901234567890),
        ("id", None),
        ("status", "Forgotten"),
    ],
)
def test_a_malformed_record(peopled: Tenant, field: str, value: object) -> None:
    """One row has a bad date, twenty digits, no id, or a member nobody knows; its neighbours are whole."""
    first, second = (peopled.company.post_invoice(f"0{n}", Decimal(10)) for n in (1, 2))
    peopled.simulator.inject(f.MalformedRecord(field, value, record_id=first.number))
    rows = {x["number"]: x for x in peopled.rows("salesInvoices")}
    assert rows[first.number].get(field) == value
    assert rows[second.number]["id"] == second.id


def test_a_row_of_blanks(peopled: Tenant) -> None:
    """Some published pages end with a row in which nothing is set."""
    peopled.simulator.inject(f.BlankRows())
    assert {x for x in peopled.rows("customers")[-1].values() if isinstance(x, str)} == {""}


def test_the_world_moves_between_pages(peopled: Tenant) -> None:
    """A customer goes and another comes after the first page was read."""

    def change(simulator: BusinessCentralSimulator) -> None:
        company = simulator.world.company()
        company.delete_customer(company.customers.in_key_order()[-1].id)
        company.create_customer("Newcomer")

    peopled.simulator.inject(f.ChangesWhileReading(change, times=1))
    assert len(peopled.all_rows("customers", 3)) in (5, 6)
    assert len(peopled.rows("customers")) == 6


def test_a_page_is_served_as_it_was_before_the_change(peopled: Tenant) -> None:
    """The change comes after the answer, also when it was given as admin actions."""
    actions = [{"action": "edit_customer", "customer": "01", "city": "Lyon"}]
    peopled.simulator.inject(f.ChangesWhileReading(actions=actions, times=1))
    cities = [{x["city"] for x in peopled.rows("customers")} for _ in range(2)]
    assert cities == [{""}, {"", "Lyon"}]


def test_one_record_poisons_every_page_it_is_on(peopled: Tenant) -> None:
    """With the expansion the page and the record fail; without it, and on other pages, all is well."""
    invoices = [peopled.company.post_invoice("01", Decimal(1)) for _ in range(3)]
    bad = invoices[1].id
    peopled.simulator.inject(f.PoisonedExpand(bad))
    answer = peopled.get("salesInvoices?$expand=dimensionSetLines")
    assert answer.status_code == 400
    assert "Dimension Value does not exist" in answer.json()["error"]["message"]
    assert peopled.get(f"salesInvoices({bad})?$expand=dimensionSetLines").status_code == 400
    assert peopled.get("salesInvoices?$expand=salesInvoiceLines").status_code == 200
    assert peopled.get(f"salesInvoices?$filter=id ne {bad}&$expand=dimensionSetLines").status_code == 200


def test_a_replica_that_lags(peopled: Tenant) -> None:
    """Read-only reads see the past, others the present; a fault beside it does not leave us in the past."""
    peopled.simulator.inject(f.ReplicaLag(), f.Throttled(every=2))
    peopled.company.edit_customer("01", city="Lyon")
    past = {x["city"] for x in peopled.rows("customers", Data_Access_Intent="ReadOnly")}
    assert peopled.get("customers", Data_Access_Intent="ReadOnly").status_code == 429
    assert (past, {x["city"] for x in peopled.rows("customers")}) == ({""}, {"", "Lyon"})


def test_read_only_intent_is_for_reading(peopled: Tenant) -> None:
    """The header is an error on anything but GET."""
    answer = peopled.client.post(
        peopled.url("customers"), json={"displayName": "X"}, headers={"Data-Access-Intent": "ReadOnly"}
    )
    assert answer.status_code == 400


def test_one_company_is_denied(peopled: Tenant) -> None:
    """The list is fine, what is inside is not."""
    peopled.simulator.inject(f.DeniesCompany(peopled.company.id))
    assert peopled.client.get(f"{peopled.api}/companies").status_code == 200
    assert peopled.get("companyInformation").status_code == 403


def test_the_admin_api(peopled: Tenant) -> None:
    """Change data, inject and heal, move the clock, look at totals and the log - all over HTTP."""
    admin = "http://localhost/_admin"
    act = {"action": "post_invoice", "customer": "01", "amount": "12.34", "on": "2026-04-30"}
    made = peopled.client.post(f"{admin}/act", json=act).json()
    assert (made["kind"], made["posting_date"]) == ("Invoice", "2026-04-30")
    late = {"action": "edit_customer", "customer": "01", "city": "Lyon", "committed_late_seconds": 600}
    assert peopled.client.post(f"{admin}/act", json=late).json()["modified_at"].startswith("2026-05-01T11:50")
    wrong = peopled.client.post(f"{admin}/act", json={"action": "post_invoyce"})
    assert wrong.status_code == 400
    assert "post_invoice" in wrong.json()["error"]
    assert (
        peopled.client.post(f"{admin}/faults", json={"kind": "Throttled", "times": 1}).json()[0]["kind"]
        == "Throttled"
    )
    assert peopled.get("customers").status_code == 429
    assert peopled.client.delete(f"{admin}/faults").status_code == 200
    assert (
        peopled.client.post(f"{admin}/clock", json={"advance_days": 2}).json()["now"]
        == "2026-05-03T12:00:00Z"
    )
    state = peopled.client.get(f"{admin}/state").json()["companies"][peopled.company.id]
    assert (state["open_per_currency"], state["open_local"]) == ({"GBP": "12.34"}, "12.34")
    assert peopled.client.post(f"{admin}/installation", json={"version": 24}).json()["version"] == 24
    assert peopled.get("customerContacts").status_code == 404
    assert [x["status"] for x in peopled.client.get(f"{admin}/log").json()][-2:] == [429, 404]


def test_the_server_keeps_connections_and_counts_who_comes_at_once(peopled: Tenant) -> None:
    """HTTP/1.1 with keep-alive on loopback only; the state tells how many requests ran at the same time."""
    with serve(peopled.simulator, tls=False) as handle:
        host, port = handle.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=60) as connection:
            for _ in range(2):
                connection.sendall(b"GET /_admin/clock HTTP/1.1\r\nHost: x\r\n\r\n")
                assert connection.recv(4096).startswith(b"HTTP/1.1 200")
        assert host == "127.0.0.1"
    assert peopled.simulator.max_in_flight >= 1


def subscriber(heard: list[dict[str, Any]], honest: bool = True) -> Any:
    """A webhook receiver: echoes the validation token, keeps notifications."""

    def notify(url: str, body: bytes) -> tuple[int, bytes]:
        if not body:
            return 200, (url.split("validationToken=")[1] if honest else "guess").encode()
        heard.extend(json.loads(body)["value"])
        return 200, b""

    return notify


def test_webhooks(peopled: Tenant) -> None:
    """A handshake, three days of life, created, updated and deleted; contacts cannot be subscribed to."""
    heard: list[dict[str, Any]] = []
    peopled.simulator.webhooks.notify = subscriber(heard)
    url = f"{peopled.api}/subscriptions"
    wish = {
        "notificationUrl": "https://127.0.0.1/hook",
        "resource": f"/api/v2.0/companies({peopled.company.id})/customers",
        "clientState": "s",
    }
    made = peopled.client.post(url, json=wish)
    assert made.status_code == 201
    assert made.json()["expirationDateTime"] == "2026-05-04T12:00:00Z"
    row = peopled.company.create_customer("Newcomer")
    peopled.company.delete_customer(row.id)
    peopled.simulator.webhooks.deliver()
    assert [x["changeType"] for x in heard] == ["created", "deleted"]
    contacts = {**wish, "resource": f"/api/v2.0/companies({peopled.company.id})/contacts"}
    assert peopled.client.post(url, json=contacts).status_code == 400
    peopled.clock.advance(timedelta(days=3))
    peopled.company.edit_customer("01", city="Lyon")
    peopled.simulator.webhooks.deliver()
    assert len(heard) == 2
    peopled.simulator.webhooks.notify = subscriber(heard, honest=False)
    assert peopled.client.post(url, json=wish).status_code == 400


def test_a_batch_lies_about_what_it_undid(peopled: Tenant) -> None:
    """With snapshot isolation a later failure undoes an insert that still answers 201 with an id."""
    url = f"{peopled.api}/$batch"
    base = f"companies({peopled.company.id})"
    requests = [
        {"id": "a", "method": "POST", "url": f"{base}/customers", "body": {"displayName": "Ghost"}},
        {"id": "b", "method": "POST", "url": f"{base}/customers", "body": {}},
    ]
    answers = peopled.client.post(url, json={"requests": requests}, headers={"Isolation": "snapshot"}).json()[
        "responses"
    ]
    assert [x["status"] for x in answers] == [201, 400]
    assert "Ghost" not in {x["displayName"] for x in peopled.rows("customers")}
    peopled.client.post(url, json={"requests": requests[:1]})
    assert "Ghost" in {x["displayName"] for x in peopled.rows("customers")}
    assert peopled.client.post(url, json={"requests": requests * 51}).status_code == 500


def patch(tenant: Tenant, path: str, body: dict[str, Any], etag: str = "*") -> httpx.Response:
    """A PATCH with If-Match unless the etag is empty."""
    return tenant.client.patch(tenant.url(path), json=body, headers={"If-Match": etag} if etag else {})


def test_writing_wants_the_etag(peopled: Tenant) -> None:
    """Without it 400, with a stale one 409, with the right one the row and its new etag."""
    row = peopled.rows("customers?$filter=number eq '01'")[0]
    path = f"customers({row['id']})"
    assert patch(peopled, path, {"city": "X"}, "").json()["error"]["code"] == "BadRequest_InvalidToken"
    peopled.company.edit_customer("01", city="Lyon")
    assert patch(peopled, path, {"city": "X"}, row["@odata.etag"]).status_code == 409
    fresh = peopled.get(path).json()
    done = patch(peopled, path, {"city": "Odense", "creditLimit": 5000.5}, fresh["@odata.etag"])
    assert (done.status_code, exact(done)["creditLimit"]) == (200, Decimal("5000.5"))
    assert done.json()["@odata.etag"] != fresh["@odata.etag"]
    assert (
        patch(peopled, path, {"lastModifiedDateTime": "2026-01-01T00:00:00Z"})
        .json()["error"]["message"]
        .startswith("Control 'lastModifiedDateTime' is read-only.")
    )
    assert (
        patch(peopled, path, {"city": "x" * 31}).json()["error"]["code"] == "Application_StringExceededLength"
    )


def test_posted_invoices_let_three_things_be_changed(peopled: Tenant) -> None:
    """Due date, promised date and dispute; everything else is refused, and drafts refuse the promise."""
    posted = peopled.company.post_invoice("01", Decimal(10))
    draft = peopled.company.create_invoice("01", amount=Decimal(10))
    done = patch(
        peopled,
        f"salesInvoices({posted.id})",
        {"promisedPayDate": "2026-07-01", "disputeStatus": "QUALITY", "dueDate": "2026-06-01"},
    )
    assert (done.json()["promisedPayDate"], done.json()["disputeStatus"], done.json()["dueDate"]) == (
        "2026-07-01",
        "QUALITY",
        "2026-06-01",
    )
    refused = patch(peopled, f"salesInvoices({posted.id})", {"externalDocumentNumber": "X"})
    assert "has been posted and can no longer be modified" in refused.text
    assert patch(peopled, f"salesInvoices({draft.id})", {"promisedPayDate": "2026-07-01"}).status_code == 400


def test_inserting_and_deleting(peopled: Tenant) -> None:
    """A name is required, an id of ours is kept and refused the second time, persons hang on a company's number."""
    url = peopled.url("customers")
    mine = "6f1c7a52-93e1-4f44-9d8e-6045bde9ca09"
    assert peopled.client.post(url, json={}).status_code == 400
    made = peopled.client.post(url, json={"id": mine, "displayName": "Wired & Co", "email": "a@x;b@y"})
    assert (made.status_code, made.json()["id"]) == (201, mine)
    assert made.headers["Location"].endswith(f"/customers({mine})")
    again = peopled.client.post(url, json={"id": mine, "displayName": "Wired & Co"})
    assert again.json()["error"]["code"] == "Internal_EntityWithSameKeyExists"
    company = peopled.rows(f"customers({mine})/contactsInformation")[0]["contactNumber"]
    person = {"type": "Person", "displayName": "Ian Ray", "companyNumber": company, "jobTitle": "CFO"}
    assert (
        peopled.client.post(peopled.url("contacts"), json=person).json()["contactBusinessRelation"]
        == "Customer"
    )
    dimension = next(iter(peopled.company.dimensions))
    value = peopled.company.dimension_value("CUSTOMERGROUP", "LARGE")
    default = {"dimensionId": dimension, "dimensionValueId": value.id}
    made = peopled.client.post(peopled.url(f"customers({mine})/defaultDimensions"), json=default)
    assert made.json()["dimensionValueCode"] == "LARGE"
    changed = patch(peopled, f"defaultDimensions({made.json()['id']})", {"dimensionId": mine})
    assert "You can't rename a" in changed.text
    assert peopled.client.delete(peopled.url(f"defaultDimensions({made.json()['id']})")).status_code == 204
    assert peopled.client.delete(peopled.url(f"customers({mine})")).status_code == 204


def test_an_action_posts_a_draft(peopled: Tenant) -> None:
    """Bound actions work in any case and answer 204."""
    draft = peopled.company.create_invoice("01", amount=Decimal(10))
    assert (
        peopled.client.post(peopled.url(f"salesInvoices({draft.id})/microsoft.nav.POST")).status_code == 204
    )
    assert draft.posted
    assert (
        peopled.client.post(peopled.url(f"salesInvoices({draft.id})/Microsoft.NAV.shred")).status_code == 404
    )
