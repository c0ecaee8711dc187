"""Finding the right company, and saying what an installation cannot do, in words a consultant would use."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from connectors.business_central import Settings
from connectors.business_central.client import client_of
from sync_engine.errors import AuthenticationFailed, ConfigurationError, PermissionMissing, SourceError
from tests.connectors.support import Hands, bench, read, rows
from tests.simulators.business_central.faults import DeniesCompany, Fault
from tests.simulators.business_central.http import Request, Response

NAME = "HANSEN & SØN's A/S"


@pytest.mark.parametrize("called", [NAME, NAME.lower(), "Hansen & Søn", "id"])
def test_a_company_is_found_by_id_or_any_of_its_names(called: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names hold ampersands, apostrophes and letters of their own. [facts: case 19]"""
    there = bench(monkeypatch)
    found = there.open(company=there.company.id.upper() if called == "id" else called)
    assert found.probe().facts["company_id"] == there.company.id
    assert rows(read(found, "customers"))


def test_the_only_company_needs_no_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """And two need one."""
    there = bench(monkeypatch)
    assert there.open(company=None).probe().company == "Hansen & Søn"
    there.simulator.world.add_company("Second")
    with pytest.raises(ConfigurationError, match="Second"):
        there.open(company=None).probe()


def test_an_unknown_company_lists_the_ones_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that the typo is seen at once."""
    with pytest.raises(ConfigurationError, match="HANSEN") as caught:
        assert bench(monkeypatch).open(company="HANSEN").streams
    assert "'HANSEN'" in str(caught.value)


def test_a_company_that_is_closed_to_the_app_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is listed, but may not be entered. [facts: case 31]"""
    there = bench(monkeypatch)
    there.simulator.inject(DeniesCompany(there.company.id))
    with pytest.raises(PermissionMissing, match="cannot be entered"):
        assert there.open().streams
    assert "cannot be entered" in there.open().discover()[0].closed


def test_a_wrong_environment_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The gateway answers in XML. [LIVE amp]"""
    there = bench(monkeypatch)
    wrong = there.settings().base_url.replace("Production", "Sandbox")
    with pytest.raises(ConfigurationError, match="Sandbox"):
        assert there.open(base_url=wrong, environment="Sandbox").streams


def test_services_that_are_off_are_said_to_be_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """On premises every call is then answered with 405."""
    there = bench(monkeypatch, deployment="on_prem", services_enabled=False)
    with pytest.raises(ConfigurationError, match="ODataServicesEnabled"):
        assert there.open(there.on_premises()).streams


def test_an_app_that_is_unknown_inside_business_central(monkeypatch: pytest.MonkeyPatch) -> None:
    """The token is good, every call is refused: the page to look at is named."""
    with pytest.raises(AuthenticationFailed, match="Microsoft Entra applications"):
        assert bench(monkeypatch, registered_in_bc=False).open().streams


def test_several_tenants_on_premises(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every call carries ?tenant=, pages and $count included."""
    there = bench(monkeypatch, deployment="on_prem", multi_tenant=True)
    opened = there.open(there.on_premises(tenant="default", page_size=3, document_page_size=3))
    for entity in opened.streams:
        assert opened.count(entity) in (None, len(rows(read(opened, entity))))


@pytest.mark.parametrize(
    ("installed", "missing", "there"),
    [
        (
            {"version": 22},
            {
                "salespeoplePurchasers",
                "disputeStatus",
                "customerContacts",
                "contacts.jobTitle",
                "salesInvoices.promisedPayDate",
            },
            {"contacts"},
        ),
        (
            {"version": 24},
            {"salespeoplePurchasers", "disputeStatus", "customerContacts", "contacts.jobTitle"},
            {"generalLedgerSetup"},
        ),
        ({"version": 26}, set(), {"contacts.jobTitle", "salespeoplePurchasers", "ledgerEntriesPage"}),
        ({"version": 28, "reports_finance": False}, {"financeDimensionValues"}, {"ledgerEntriesPage"}),
        (
            {"version": 26, "denied_entities": frozenset({"salesCreditMemos"})},
            {"salesCreditMemos"},
            {"salesInvoices"},
        ),
    ],
    ids=["v22", "v24", "v26", "v28 without reportsFinance", "a missing permission"],
)
def test_capabilities(
    installed: dict[str, Any], missing: set[str], there: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Five installations; each says what is lost, and what remains is read."""
    opened = bench(monkeypatch, **installed).open()
    told = {capability.name: capability for capability in opened.probe().capabilities}
    assert missing <= {name for name, capability in told.items() if not capability.available}
    assert there <= {name for name, capability in told.items() if capability.available}
    assert all(told[name].consequence for name in missing)
    for entity in opened.streams:
        if entity not in missing:
            assert read(opened, entity)[-1].complete


def test_a_stream_without_permission_stops_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Others carry on."""
    opened = bench(monkeypatch, denied_entities=frozenset({"salesCreditMemos"})).open()
    with pytest.raises(PermissionMissing, match="salesCreditMemos"):
        read(opened, "salesCreditMemos")
    assert rows(read(opened, "salesInvoices"))


def test_without_stamps_default_dimensions_have_no_cursor(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before v23 they are read whole every time."""
    assert not bench(monkeypatch, version=22).open().streams["defaultDimensions"].has_cursor
    assert bench(monkeypatch, version=23).open().streams["defaultDimensions"].has_cursor


def test_an_entity_that_is_not_there_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reason is in the error."""
    with pytest.raises(SourceError, match="not in this version"):
        read(bench(monkeypatch, version=22).open(), "disputeStatus")


class NoMetadata(Fault):
    """A host that describes nothing and lists nothing."""

    silent: tuple[str, ...] = ("/$metadata", "/entityDefinitions", "/companies")

    def before(self, request: Request) -> Response | None:
        return Response(404, body=b"no") if request.path.endswith(self.silent) else None


class NoEdmx(NoMetadata):
    """A gateway lets no XML through: a page of its own stands where $metadata should."""

    def before(self, request: Request) -> Response | None:
        return Response(200, body=b"<html><title>Blocked") if request.path.endswith("/$metadata") else None


class MetadataRefused(NoMetadata):
    """$metadata is refused, the definitions are not."""

    silent = ("/$metadata",)


@pytest.mark.parametrize("fault", [NoEdmx, MetadataRefused])
@pytest.mark.parametrize(("version", "titles"), [(24, False), (26, True)])
def test_entity_definitions_stand_in_for_metadata(
    fault: type[Fault], version: int, titles: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They too list sets and their fields, so that what a version lacks is not asked for, and said."""
    there = bench(monkeypatch, version=version)
    whole, before = there.open().streams, {c.name: c.available for c in there.open().probe().capabilities}
    there.simulator.inject(fault())
    opened = there.open()
    assert opened.streams == whole
    now = {c.name: c.available for c in opened.probe().capabilities}
    assert now.pop("entityDefinitions")
    assert now == before
    assert now["contacts.jobTitle"] is titles


def test_a_host_that_describes_nothing_is_asked_set_by_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """The company is taken at its word."""
    there = bench(monkeypatch)
    there.simulator.inject(NoMetadata())
    opened = there.open(company=there.company.id)
    assert {"customers", "contacts", "salesInvoices", "openInvoices"} <= set(opened.streams)
    assert len(rows(read(opened, "salesInvoices"))) == len(there.company.invoices)


def test_a_route_that_was_asked_for_and_does_not_answer_is_loud(monkeypatch: pytest.MonkeyPatch) -> None:
    """An override is an order, not a hint."""
    with pytest.raises(ConfigurationError, match="odata_page"):
        assert bench(monkeypatch, ledger_page_published=False).open(ledger={"route": "odata_page"}).streams


ONLINE = "https://api.businesscentral.dynamics.com/v2.0/contoso.com/production/api/v2.0"
SAAS = {
    "tenant_id": "contoso.com",
    "environment": "production",
    "company": "C",
    "auth": {"client_id": "a", "client_secret": "env:X"},
}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"environment": None}, "environment is missing"),
        ({"auth": {"kind": "basic", "user": "u", "key": "env:X"}}, "no basic login"),
        ({"tenant_id": None}, "tenant_id"),
        ({"base_url": "http://erp.example.com/BC"}, "must be https"),
        ({"base_url": "erp.example.com"}, "https://"),
        ({"pagesize": 3}, "pagesize"),
        ({"page_size": 20001}, "20000"),
        ({"ledger": {"route": "custom_api"}}, "publisher"),
        ({"auth": {"kind": "ntlm"}}, "ntlm"),
        ({"base_url": "https://businesscentral.dynamics.com/contoso.com/production"}, "where people work"),
        ({"base_url": ONLINE, "auth": {"kind": "basic", "user": "u", "key": "env:X"}}, "no basic login"),
    ],
    ids=lambda part: "-".join(part) if isinstance(part, dict) else "",
)
def test_settings_that_cannot_work_are_refused_with_a_reason(change: dict[str, Any], says: str) -> None:
    """Before anything is sent."""
    with pytest.raises(ValidationError, match=says):
        Settings.read(SAAS | change)


def test_a_secret_in_the_yaml_is_refused() -> None:
    """With the name of the setting, without the secret."""
    with pytest.raises(ConfigurationError, match="client_secret") as caught:
        Settings.read(SAAS | {"auth": {"client_id": "a", "client_secret": "s3cret~value"}})
    assert "s3cret" not in str(caught.value)


def test_addresses_of_online_and_on_premises() -> None:
    """The version of the platform stands before tenant and environment; on premises there is none."""
    assert Settings.read(SAAS).root == "https://api.businesscentral.dynamics.com/v2.0/contoso.com/production"
    given = {
        "base_url": "https://erp:7048/BC/api/v2.0",
        "company": "C",
        "auth": {"kind": "basic", "user": "u", "key": "env:X"},
    }
    assert Settings.read(given).root == "https://erp:7048/BC"


def test_an_address_copied_from_anywhere_is_business_central_online() -> None:
    """With or without what follows the host it is the same place, and its calls are counted; a server of one's own counts none."""
    whole = Settings.read({**SAAS, "environment": None, "base_url": ONLINE})
    for given in (
        Settings.read(SAAS),
        Settings.read({**SAAS, "base_url": "https://api.businesscentral.dynamics.com/v2.0/"}),
        whole,
    ):
        assert given.root == "https://api.businesscentral.dynamics.com/v2.0/contoso.com/production"
        assert client_of("bc", given, Hands(), None).limits.calls_per_window == 6000
    own = Settings.read(
        {
            "base_url": "https://erp:7048/BC",
            "company": "C",
            "auth": {"kind": "basic", "user": "u", "key": "env:X"},
        }
    )
    assert client_of("bc", own, Hands(), None).limits.calls_per_window is None
