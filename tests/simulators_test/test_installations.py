"""What differs between installations: versions, apps, published pages, permissions, switches; and the seeds."""

import json
import os
import signal
import subprocess
import sys
from datetime import date
from decimal import Decimal
from pathlib import Path

import httpx
import pytest

from tests.simulators.business_central import (
    BusinessCentralSimulator,
    SimulatorClock,
    World,
    find_histories,
    from_late_payment_histories,
    generate,
)
from tests.simulators.business_central.tricky_cases import TRICKY_CASES
from tests.simulators_test.conftest import NOW, Tenant

ADDED = {
    "contacts.jobTitle": 25,
    "salesInvoices.promisedPayDate": 25,
    "salesInvoices.disputeStatus": 25,
    "customerContacts": 25,
    "disputeStatus": 25,
    "agedAccountsReceivables.period1Label": 25,
    "salespeoplePurchasers": 26,
    "generalLedgerSetup": 23,
    "currencyExchangeRates": 23,
    "defaultDimensions.lastModifiedDateTime": 23,
    "dimensions.consolidationCode": 23,
}


@pytest.mark.parametrize("version", [22, 24, 25, 26, 28])
def test_a_version_has_what_it_has(tenant: Tenant, version: int) -> None:
    """Fields and sets appear with their version, in answers, in $select and in $metadata alike."""
    tenant.world.installation.version = version
    tenant.company.create_customer("A")
    for what, since in ADDED.items():
        name, _, field = what.partition(".")
        answer = tenant.get(f"{name}?$select={field}" if field else name)
        assert answer.status_code == (200 if version >= since else 400 if field else 404), what
    text = tenant.client.get(f"{tenant.api}/$metadata").text
    assert ('Name="jobTitle"' in text) is (version >= 25)
    assert (
        tenant.client.get(f"{tenant.api}/companies")
        .json()["value"][0]["systemVersion"]
        .startswith(f"{version}.")
    )


def test_api_v1_went_with_28(tenant: Tenant) -> None:
    """The old route is there until 27."""
    url = f"{tenant.settings.base_url}/api/v1.0/companies"
    assert tenant.client.get(url).status_code == 200
    tenant.world.installation.version = 28
    assert tenant.client.get(url).status_code == 404


@pytest.mark.parametrize(
    ("switch", "route", "path"),
    [
        ("reports_finance", "microsoft/reportsFinance/beta", "dimensionValues"),
        ("analytics", "microsoft/analytics/v1.0", "customerLedgerEntries"),
        ("automate", "microsoft/automate/v1.0", "postedSalesInvoices"),
        ("custom_api", "contoso/receivables/v1.0", "customerLedgerEntries"),
    ],
)
def test_apps_can_be_missing(tenant: Tenant, switch: str, route: str, path: str) -> None:
    """A route whose app is not installed is a 404."""
    assert tenant.get(path, route).status_code == 200
    setattr(tenant.world.installation, switch, False)
    assert tenant.get(path, route).status_code == 404


def test_the_ledger_page_may_be_customised_or_unpublished(tenant: Tenant) -> None:
    """Columns that a tenant's page lacks are unknown properties; an unpublished page is a 404."""
    tenant.world.installation.ledger_page_missing_columns = frozenset({"Remaining_Amount"})
    url = f"{tenant.settings.base_url}/ODataV4/Company(Id={tenant.company.id})/Cust_LedgerEntries"
    assert tenant.client.get(f"{url}?$select=Entry_No,Remaining_Amt_LCY").status_code == 200
    assert tenant.client.get(f"{url}?$select=Entry_No,Remaining_Amount").status_code == 400
    assert "Remaining_Amount" not in tenant.client.get(
        f"{tenant.settings.base_url}/ODataV4/$metadata"
    ).text.replace("Remaining_Amt", "")
    tenant.world.installation.ledger_page_published = False
    assert tenant.client.get(url).status_code == 404


def test_queries_cannot_be_ordered(tenant: Tenant) -> None:
    """$orderby on a query is not implemented."""
    assert (
        tenant.get("customerLedgerEntries?$orderby=cleEntryNo", "microsoft/analytics/v1.0").status_code == 501
    )


def test_aggregates_may_never_have_been_filled(tenant: Tenant) -> None:
    """On a migrated database the sales documents are empty until somebody runs Integrate APIs; the ledger is not."""
    tenant.company.create_customer("A", number="1")
    tenant.company.post_invoice("1", Decimal(10))
    tenant.world.installation.aggregates_populated = False
    assert tenant.rows("salesInvoices") == []
    assert len(tenant.rows("customerLedgerEntries", "contoso/receivables/v1.0")) == 1


def test_the_custom_api_has_the_name_its_maker_gave(tenant: Tenant) -> None:
    """Publisher, group and version are a setting."""
    tenant.world.installation.custom_api_route = "acme/ar/v2.1"
    assert tenant.get("customerLedgerEntries", "acme/ar/v2.1").status_code == 200


def test_an_etag_may_move_with_the_balance(tenant: Tenant) -> None:
    """With the switch on, a posting makes the customer's etag stale."""
    tenant.company.create_customer("A", number="1")
    tags = []
    for switch in (False, True):
        tenant.world.installation.etag_includes_balance = switch
        before = tenant.rows("customers")[0]["@odata.etag"]
        tenant.company.post_payment("1", Decimal(1))
        tags.append(before == tenant.rows("customers")[0]["@odata.etag"])
    assert tags == [True, False]


# Seeds --------------------------------------------------------------------------------------------


def demo_world() -> World:
    """The small demo."""
    world = World(SimulatorClock(NOW), seed=7)
    generate(world)
    return world


def test_the_demo_is_the_same_every_time() -> None:
    """Same seed, same ids, numbers, amounts and stamps."""
    first, second = (demo_world().company() for _ in range(2))
    assert vars(first)["invoices"] == vars(second)["invoices"]
    assert first.open_totals() == second.open_totals()
    assert list(first.contacts.items()) == list(second.contacts.items())


def test_the_demo_has_everything_once() -> None:
    """The seed holds the odd cases it promises, and its ledger agrees with the control account."""
    company = demo_world().company()
    assert company.open_totals().local == company.receivables_in_general_ledger()
    assert (len(company.customers), len(company.contacts)) == (40, 120)
    statuses = {x.wire_status for x in [*company.invoices.values(), *company.credit_memos.values()]}
    assert statuses == {"Draft", "In Review", "Open", "Paid", "Canceled", "Corrective"}
    used = {x.value_id for x in company.default_dimensions.values()}
    unused = {x.code for x in company.dimension_values.values() if x.id not in used and x.type == "Standard"}
    assert "INSTITUTION" in unused
    assert None in used
    assert {x.document_type for x in company.ledger.values()} == {
        " ",
        "Invoice",
        "Payment",
        "Credit Memo",
        "Finance Charge Memo",
    }
    assert any(x.dispute_status_id for x in company.invoices.values())
    assert any(x.promised_pay_date for x in company.invoices.values())
    assert any(x.modified_at is None for x in company.customers.values())
    assert {x.blocked for x in company.customers.values()} == {" ", "All", "Ship", "Invoice"}
    assert {company.relation_of(x) for x in company.contacts.values()} >= {"Customer", "Multiple", "None"}
    assert any(x.privacy_blocked for x in company.contacts.values())
    assert any(";" in x.email for x in company.customers.values())
    assert {"01121212", "#1303"} <= {x.number for x in company.customers.values()}
    assert any(x.bill_to_id for x in company.customers.values())
    assert len(company.open_totals().per_currency) > 2


def test_the_real_histories() -> None:
    """Every row a posted invoice, settled in full on its day: the totals that the data's page states."""
    found = find_histories()
    if found is None:
        pytest.skip("optional data: late_payment_histories.csv is not beside the checkout")
    world = World(SimulatorClock(NOW), seed=7)
    company = from_late_payment_histories(world, found)
    invoices = list(company.invoices.values())
    assert (len(company.customers), len(invoices)) == (100, 2466)
    assert sum((x.gross for x in invoices), Decimal(0)) == Decimal("147703.18")
    assert sum(1 for x in invoices if x.dispute_status_id) == 561
    closed = [(company.entry(x.entry_no or 0).closed_on or date.max, x) for x in invoices]
    assert sum(max(0, (on - x.due_date).days) for on, x in closed) / len(closed) == pytest.approx(
        3.442416869424169
    )
    assert sum((on - x.document_date).days for on, x in closed) / len(closed) == pytest.approx(
        26.4448499594485
    )
    assert company.open_totals().open_entries == 0
    assert len(company.dimension_values) == 5
    mid_2013 = company.ageing(date(2013, 6, 30))
    assert sum(mid_2013.values()) > 0


def test_every_tricky_case_says_how_it_is_provoked() -> None:
    """The table is complete, and what it names exists."""
    assert set(range(1, 35)) <= set(TRICKY_CASES)
    assert all(name and recipe for name, recipe in TRICKY_CASES.values())


def test_the_program(tmp_path: Path) -> None:
    """`python -m tests.simulators.business_central` tells where it is, serves, and stops on SIGTERM or when its input closes."""
    for ending in ("signal", "pipe"):
        ready = tmp_path / f"{ending}.json"
        process = start_program(ready)
        try:
            assert process.stdout is not None
            assert b"Business Central simulator at http://127.0.0.1:" in process.stdout.readline()
            told = json.loads(ready.read_text())
            assert told["pid"] == process.pid
            assert ready.stat().st_mode & 0o077 == 0
            with httpx.Client(trust_env=False) as client:
                state = client.get(f"{told['url']}/_admin/state").json()
            assert list(state["companies"]) == list(told["companies"].values())
            stop(process, ending)
            assert process.wait(timeout=60) == 0
        finally:
            process.kill()
            process.wait(timeout=60)
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()


def start_program(ready: Path) -> "subprocess.Popen[bytes]":
    """The simulator as the demo starts it, with a small world."""
    root = Path(__file__).resolve().parents[2]
    command = [
        sys.executable,
        "-m",
        "tests.simulators.business_central",
        "--customers",
        "3",
        "--ready-file",
        str(ready),
    ]
    pipe = subprocess.PIPE
    return subprocess.Popen(
        command, cwd=root, stdin=pipe, stdout=pipe, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    )


def stop(process: "subprocess.Popen[bytes]", ending: str) -> None:
    """End it the way that is tried."""
    if ending == "signal":
        process.send_signal(signal.SIGTERM)
    elif process.stdin is not None:
        process.stdin.close()


def test_two_companies_share_a_world_and_nothing_else(tenant: Tenant) -> None:
    """The same numbers in two companies are different records."""
    other = tenant.world.add_company("Second", local_currency="DKK")
    tenant.company.create_customer("A", number="1")
    other.create_customer("B", number="1")
    simulator = BusinessCentralSimulator(tenant.world)
    assert simulator.world.company("Second").customer("1").name == "B"
    assert [x["displayName"] for x in tenant.rows("customers")] == ["A"]
