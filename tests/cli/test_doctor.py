"""The doctor as a consultant meets it: `sources doctor` over HTTP, on five installations, read line by line."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.simulators.business_central import BusinessCentralSimulator, Installation, World, generate
from tests.simulators.business_central.clock import SimulatorClock
from tests.simulators.business_central.server import serve
from tests.simulators.business_central.settings import ClientSettings
from tests.simulators.business_central.settings import settings as facts_of

DENIED = frozenset({"contacts", "salesCreditMemos", "accounts"})
CUSTOM = {"custom": {"publisher": "contoso", "group": "receivables"}}

INSTALLATIONS: dict[str, tuple[dict[str, Any], dict[str, Any], list[str], list[str]]] = {
    "v22 on premises": (
        {
            "version": 22,
            "deployment": "on_prem",
            "reports_finance": False,
            "analytics": False,
            "customer_card_published": False,
        },
        {},
        [
            "22.4.",
            "environment well on premises",
            "contacts.jobTitle degraded not in this version positions (v25 and later",
            "salespeoplePurchasers degraded not in this version names and e-mails of account owners (v26 and later); their codes remain",
            "publish page 21 as Customer_Card",
            "ledgerEntriesAnalytics degraded not there which payment settled which invoice (checks C6 and C7)",
            "ledger route well odata_page Microsoft removes published pages of its own in v30",
        ],
        ["disputeStatus well"],
    ),
    "v24": (
        {"version": 24},
        {},
        [
            "24.4.",
            "environment well Production",
            "salesInvoices.promisedPayDate degraded not in this version promised payment dates (v25 and later)",
            "disputeStatus degraded not in this version dispute reasons (v25 and later)",
            "customerContacts degraded not in this version first and last names",
            "change signal well detailed entries of reportsFinance",
        ],
        ["generalLedgerSetup degraded", "defaultDimensions.lastModifiedDateTime degraded"],
    ),
    "v26": (
        {"version": 26},
        {"ledger": CUSTOM, "control_accounts": ["2310"]},
        [
            "bc: well",
            "26.4.",
            "ledger route well custom_api",
            "readable well companyInformation,",
            "salespeoplePurchasers,",
            "contacts.jobTitle,",
        ],
        ["degraded"],
    ),
    "v28 without reportsFinance": (
        {"version": 28, "reports_finance": False},
        {},
        [
            "28.4.",
            "financeDimensionValues degraded not there heading, total and blocked dimension values cannot be told from others: install",
            "change signal degraded reportsFinance does not answer a run reads all open invoices again",
            "control account degraded not configured the tie to the general ledger (check C9): set control_accounts",
        ],
        ["not in this version"],
    ),
    "missing permissions": (
        {"version": 28, "denied_entities": DENIED},
        {"control_accounts": ["2310"]},
        [
            "bc: degraded",
            "contacts degraded the login may not read it contacts (v18 and later). Give the app's user a permission set that reads Contact (5050)",
            "salesCreditMemos degraded the login may not read it credit notes. Give the app's user a permission set that reads Sales Cr. Memo",
            "control account degraded the login may not read it the tie to the general ledger (check C9). Give the app's user",
        ],
        ["contacts.jobTitle"],
    ),
    "customers may not be read": (
        {"version": 28, "denied_entities": frozenset({"customers"})},
        {},
        [
            "bc: ill",
            "debtors ill customers cannot be read: nothing is published without",
            "See the line of customers.",
        ],
        [],
    ),
}


@contextmanager
def served(**installed: Any) -> Iterator[ClientSettings]:
    """An installation on loopback."""
    world = World(SimulatorClock(), seed=3, installation=Installation(**installed))
    generate(world, customers=4, invoices=6, seed=3)
    simulator = BusinessCentralSimulator(world)
    with serve(simulator, tls=False) as server:
        yield facts_of(simulator, server.url)


def doctor(facts: ClientSettings, defs: Path, **connection: Any) -> tuple[int, str]:
    """Exit code and words of `sources doctor`, in a process of its own, as in a terminal 300 columns wide."""
    given = {
        "base_url": facts.base_url,
        "company": next(iter(facts.companies)),
        "auth": {"kind": "basic", "user": facts.username, "key": "env:DOCTOR_KEY"},
    }
    if "/v2.0/" in facts.base_url:
        auth = {"client_id": facts.client_id, "client_secret": "env:DOCTOR_SECRET"}
        given |= {"authority": facts.authority, "environment": facts.environment, "auth": auth}
    attributes = {
        "source": "bc",
        "connector": "business_central",
        "portfolio": {"dimension": "CUSTOMERGROUP"},
        "connection": given | connection,
    }
    (defs / "bc").mkdir(parents=True)
    (defs / "bc" / "defs.yaml").write_text(
        yaml.safe_dump({"type": "dagster_project.components.ErpSource", "attributes": attributes}),
        encoding="utf-8",
    )
    secrets = {"DOCTOR_KEY": facts.web_service_key, "DOCTOR_SECRET": facts.client_secret}
    said = subprocess.run(
        [sys.executable, "-c", "from sync_engine.cli import main; main()", "sources", "doctor", "bc"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=os.environ | secrets | {"SYNC_ENGINE_DEFS": str(defs), "COLUMNS": "300"},
    )
    assert not any(secret in said.stdout + said.stderr for secret in secrets.values())
    return said.returncode, " ".join((said.stdout + said.stderr).split())


@pytest.mark.parametrize("installation", INSTALLATIONS)
def test_what_the_doctor_says(home: Path, database: str, tmp_path: Path, installation: str) -> None:
    """Version, route, what is lost and what to do about it; nothing that is not so; ill only where nothing can be published."""
    installed, connection, says, never = INSTALLATIONS[installation]
    with served(**installed) as facts:
        code, said = doctor(facts, tmp_path / "defs", **connection)
    assert [line for line in says if line not in said] == [], said
    assert [line for line in never if line in said] == [], said
    assert code == (4 if "ill" in " ".join(says) else 0)
    assert "secrets well env:DOCTOR_" in said
    assert "portfolio dimension well CUSTOMERGROUP (the ERP has: AREA, CUSTOMERGROUP, DEPARTMENT)" in said
