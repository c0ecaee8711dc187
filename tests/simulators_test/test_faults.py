"""Faults: each one strikes as it says, they compose, and they can be had over HTTP."""

import socket
from decimal import Decimal
from typing import Any

import httpx
import pytest

from tests.simulators.business_central import (
    BusinessCentralSimulator,
    SimulatorTransport,
    serve,
    spoiled_answers,
)
from tests.simulators.business_central import faults as f
from tests.simulators.business_central.http import ConnectionDropped
from tests.simulators_test.conftest import Tenant


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
    peopled.simulator.inject(spoiled_answers.RepeatsPage())
    page = peopled.get("customers?$select=number", Prefer="odata.maxpagesize=2").json()
    again = peopled.client.get(page["@odata.nextLink"], headers={"Prefer": "odata.maxpagesize=2"}).json()
    assert page == again


def test_a_next_link_to_another_host(peopled: Tenant) -> None:
    """Only pages that have a next link get a foreign one."""
    peopled.simulator.inject(spoiled_answers.ForeignNextLink())
    page = peopled.get("customers", Prefer="odata.maxpagesize=2").json()
    assert page["@odata.nextLink"].startswith("http://attacker.example.com/")
    assert "@odata.nextLink" not in peopled.get("customers").json()


def test_a_sweep_that_ends_early(peopled: Tenant) -> None:
    """A truncated list says nothing about it."""
    peopled.simulator.inject(spoiled_answers.ShortSweep(keep=1))
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
    peopled.simulator.inject(spoiled_answers.MalformedRecord(field, value, record_id=first.number))
    rows = {x["number"]: x for x in peopled.rows("salesInvoices")}
    assert rows[first.number].get(field) == value
    assert rows[second.number]["id"] == second.id


def test_a_row_of_blanks(peopled: Tenant) -> None:
    """Some published pages end with a row in which nothing is set."""
    peopled.simulator.inject(spoiled_answers.BlankRows())
    assert {x for x in peopled.rows("customers")[-1].values() if isinstance(x, str)} == {""}


def test_the_world_moves_between_pages(peopled: Tenant) -> None:
    """A customer goes and another comes after the first page was read."""

    def change(simulator: BusinessCentralSimulator) -> None:
        company = simulator.world.company()
        company.delete_customer(company.customers.in_key_order()[-1].id)
        company.create_customer("Newcomer")

    peopled.simulator.inject(spoiled_answers.ChangesWhileReading(change, times=1))
    assert len(peopled.all_rows("customers", 3)) in (5, 6)
    assert len(peopled.rows("customers")) == 6


def test_a_page_is_served_as_it_was_before_the_change(peopled: Tenant) -> None:
    """The change comes after the answer, also when it was given as admin actions."""
    actions = [{"action": "edit_customer", "customer": "01", "city": "Lyon"}]
    peopled.simulator.inject(spoiled_answers.ChangesWhileReading(actions=actions, times=1))
    cities = [{x["city"] for x in peopled.rows("customers")} for _ in range(2)]
    assert cities == [{""}, {"", "Lyon"}]


def test_one_record_poisons_every_page_it_is_on(peopled: Tenant) -> None:
    """With the expansion the page and the record fail; without it, and on other pages, all is well."""
    invoices = [peopled.company.post_invoice("01", Decimal(1)) for _ in range(3)]
    bad = invoices[1].id
    peopled.simulator.inject(spoiled_answers.PoisonedExpand(bad))
    answer = peopled.get("salesInvoices?$expand=dimensionSetLines")
    assert answer.status_code == 400
    assert "Dimension Value does not exist" in answer.json()["error"]["message"]
    assert peopled.get(f"salesInvoices({bad})?$expand=dimensionSetLines").status_code == 400
    assert peopled.get("salesInvoices?$expand=salesInvoiceLines").status_code == 200
    assert peopled.get(f"salesInvoices?$filter=id ne {bad}&$expand=dimensionSetLines").status_code == 200


def test_a_replica_that_lags(peopled: Tenant) -> None:
    """Read-only reads see the past, others the present; a fault beside it does not leave us in the past."""
    peopled.simulator.inject(spoiled_answers.ReplicaLag(), f.Throttled(every=2))
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
