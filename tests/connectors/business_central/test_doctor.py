"""What the doctor is told about five installations, sentence by sentence."""

from __future__ import annotations

from typing import Any

import pytest

from sync_engine.records import Capability
from tests.connectors.support import bench

PAGE_GONE = {"ledger_page_published": False}
DENIED = frozenset({"salesCreditMemos", "customerFinancialDetails", "agedAccountsReceivables", "accounts"})

GRANT = "Give the app's user a permission set that reads"

EXPECTED: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, str]]] = {
    "v22 on premises": (
        {"version": 22, "deployment": "on_prem"},
        {},
        {
            "contacts.jobTitle": "not in this version: positions (v25 and later; before, through an API page of your own in connection.pages)",
            "customerContacts": "not in this version: first and last names, and which debtor a contact belongs to in bulk (v25 and later)",
            "contacts in bulk": "customerContacts does not answer: contacts are asked for customer by customer, when a contact changed",
            "salespeoplePurchasers": "not in this version: names and e-mails of account owners (v26 and later); their codes remain",
            "generalLedgerSetup": "not in this version: the base currency by name (v23 and later)",
            "currencyExchangeRates": "not in this version: exchange rates for display (v23 and later)",
            "defaultDimensions.lastModifiedDateTime": "not in this version: reading only changed ones (v23 and later)",
            "salesInvoices.promisedPayDate": "not in this version: promised payment dates (v25 and later)",
            "control account": "not configured: the tie to the general ledger (check C9): set control_accounts to the receivables accounts, or to by_category",
        },
    ),
    "v24 with the Power BI app only": (
        {"version": 24, "custom_api": False, **PAGE_GONE},
        {},
        {
            "ledger route": "analytics: entries outside the dates of the Power BI set-up are not seen; payments and journal entries are told in base "
            "currency only, and so is what was applied in foreign currency; descriptions, external numbers and disputes of entries are not told",
            "ledgerEntriesPage": "not there: payments, journals and opening balances in their own currency: publish page 25 as Cust_LedgerEntries",
            "disputeStatus": "not in this version: dispute reasons (v25 and later)",
            "salesInvoices.disputeStatus": "not in this version: disputes (v25 and later)",
        },
    ),
    "v26 with a page that hides columns": (
        {
            "version": 26,
            "analytics": False,
            "ledger_page_missing_columns": frozenset({"Closed_at_Date", "Remaining_Amt_LCY"}),
        },
        {"control_accounts": ["2310"]},
        {
            "ledger route": "odata_page: Microsoft removes published pages of its own in v30 (2027 wave 1): plan an API page of your own; "
            "which payment settled which invoice is not told: checks C6 and C7 cannot be answered",
            "Cust_LedgerEntries.Closed_at_Date": "not visible on the published page: closing dates; entries closed lately are looked for by number only",
            "Cust_LedgerEntries.Remaining_Amt_LCY": "not visible on the published page: what remains in base currency (check C4)",
            "ledgerEntriesAnalytics": "not there: which payment settled which invoice (checks C6 and C7): install the Power BI app and give the "
            "login its permission set",
        },
    ),
    "v28 without reportsFinance": (
        {"version": 28, "reports_finance": False, "analytics": False, **PAGE_GONE},
        {},
        {
            "ledger route": "invoices: payments, applications, journal-posted invoices, opening balances, refunds and finance charges are not seen, "
            "what remains of a credit note is not told, instalments and amounts withheld at posting are not seen, and a released "
            "order looks like a posted invoice: checks C2, C3, C6 and C7 "
            "cannot be answered, and balances (C5) need not agree",
            "financeDimensionValues": "not there: heading, total and blocked dimension values cannot be told from others: install Microsoft's app "
            "API Reports - Finance",
            "change signal": "reportsFinance does not answer: a run reads all open invoices again: install Microsoft's app API Reports - Finance, or give "
            "the login its permission set",
        },
    ),
    "missing permissions": (
        {"version": 28, "denied_entities": DENIED},
        {"control_accounts": ["2310"]},
        {
            "salesCreditMemos": "the login may not read it: credit notes. "
            f"{GRANT} Sales Cr. Memo Entity Buffer (5507); D365 READ has it",
            "customerFinancialDetails": "the login may not read it: balances as the ERP states them: check C5. "
            f"{GRANT} Customer (18) and Detailed Cust. Ledg. Entry (379); D365 READ has it",
            "agedAccountsReceivables": "the login may not read it: the ageing as the ERP states it: check C8. "
            f"{GRANT} Customer (18) and Cust. Ledger Entry (21); D365 READ has it",
            "control account": f"the login may not read it: the tie to the general ledger (check C9). {GRANT} G/L Account (15); D365 READ has it",
        },
    ),
}


def told(capability: Capability) -> str:
    """The line that is shown."""
    return f"{capability.detail}: {capability.consequence}" if capability.consequence else capability.detail


@pytest.mark.parametrize("installation", EXPECTED)
def test_the_doctor_says_what_a_consultant_would_want_to_know(
    installation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is missing, what is lost by it, and what to do; nothing is lost in silence."""
    installed, settings, expected = EXPECTED[installation]
    there = bench(monkeypatch, **installed)
    opened = (
        there.open(there.on_premises(**settings)) if installed.get("deployment") else there.open(**settings)
    )
    probe = opened.probe()
    found = {capability.name: capability for capability in probe.capabilities}
    assert {name: told(found[name]) for name in expected} == expected
    silent = [c.name for c in probe.capabilities if not c.available and not c.consequence]
    assert silent == []
    lost = {name for name, capability in found.items() if not capability.available}
    assert set(expected) - {"ledger route"} <= lost
    assert probe.version.startswith(f"{installed['version']}.")


def test_a_page_of_ones_own_without_row_versions_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """It works, and the doctor says what one more field would give."""
    custom = {"publisher": "contoso", "group": "receivables"}
    for fields, available in (({}, True), ({"row_version": "notShown"}, False)):
        found = {
            c.name: c
            for c in bench(monkeypatch)
            .open(ledger={"custom": custom | {"fields": fields}})
            .probe()
            .capabilities
        }
        assert found["ledgerEntriesApi.systemRowVersion"].available is available
        assert ("SystemRowVersion" in found["ledgerEntriesApi.systemRowVersion"].consequence) is not available


def test_every_route_tells_what_it_cannot(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a page of one's own tells everything."""
    for route in ("custom_api", "odata_page", "analytics", "reports_finance", "invoices"):
        ledger = {"route": route, "custom": {"publisher": "contoso", "group": "receivables"}}
        found = {c.name: c for c in bench(monkeypatch).open(ledger=ledger).probe().capabilities}
        assert found["ledger route"].detail == route
        assert bool(found["ledger route"].consequence) == (route != "custom_api")


def test_sets_that_were_never_built_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a migration nothing is refused and nothing is there: the page to run is named. A company without invoices is no such case. [case 32]"""
    for populated in (False, True):
        found = {
            c.name: told(c)
            for c in bench(monkeypatch, aggregates_populated=populated).open().probe().capabilities
        }
        assert ("Integrate APIs on page API Setup" in found.get("documents", "")) is not populated
    bare = bench(monkeypatch, world=lambda company, time: None)
    assert "documents" not in {c.name for c in bare.open().probe().capabilities}


def test_fields_of_what_may_not_be_read_are_not_praised(monkeypatch: pytest.MonkeyPatch) -> None:
    """$metadata shows them to everybody."""
    probe = bench(monkeypatch, denied_entities=frozenset({"contacts"})).open().probe()
    assert [c.name for c in probe.capabilities if c.name.startswith("contacts.")] == []


def test_a_page_of_ones_own_brings_what_the_version_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Job titles before v25: the page is asked, not the version."""
    there = bench(monkeypatch, version=24)
    custom = {
        "publisher": "contoso",
        "group": "receivables",
        "version": "v1.0",
        "entity_set": "customerLedgerEntries",
    }
    fields = {"contacts": ["documentNumber"]}
    found = {
        c.name: c for c in there.open(pages={"contacts": custom}, custom_fields=fields).probe().capabilities
    }
    assert (found["contacts.documentNumber"].available, found["contacts.jobTitle"].detail) == (
        True,
        "not on the page",
    )
