"""Which entity sets an installation offers on which route, after version, apps and published pages."""

from dataclasses import replace

from tests.simulators.business_central.entities_cards import CARDS
from tests.simulators.business_central.entities_ledger import (
    ANALYTICS_LEDGER,
    ANALYTICS_SALESPEOPLE,
    AUTOMATE_INVOICES,
    CUSTOM_DETAILED,
    CUSTOM_LEDGER,
    FINANCE_DETAILED,
    FINANCE_LEDGER,
    FINANCE_VALUES,
)
from tests.simulators.business_central.entities_pages import CONTACT_LIST, CUSTOMER_CARD, LEDGER_PAGE
from tests.simulators.business_central.entities_sales import SALES
from tests.simulators.business_central.entities_setup import SETUP
from tests.simulators.business_central.schema import Catalogue, EntitySet, Nav
from tests.simulators.business_central.world import Installation

AGGREGATES = ("salesInvoices", "salesCreditMemos")
PAGES = "ODataV4"


def catalogues(installation: Installation) -> dict[str, Catalogue]:
    """Entity sets by route: `v2.0`, `microsoft/reportsFinance/beta`, ..., and `ODataV4` for published pages."""
    routes: dict[str, tuple[EntitySet, ...]] = {"v2.0": _standard(installation)}
    if installation.api_v1 and installation.version < 28:
        routes["v1.0"] = ()
    if installation.reports_finance and installation.version >= 21:
        routes["microsoft/reportsFinance/beta"] = (FINANCE_VALUES, FINANCE_LEDGER, FINANCE_DETAILED)
    if installation.analytics:
        routes["microsoft/analytics/v0.5"] = (ANALYTICS_LEDGER, ANALYTICS_SALESPEOPLE)
        routes["microsoft/analytics/v1.0"] = (ANALYTICS_LEDGER, ANALYTICS_SALESPEOPLE)
    if installation.automate:
        routes["microsoft/automate/v1.0"] = (AUTOMATE_INVOICES,)
    if installation.custom_api:
        routes[installation.custom_api_route] = (CUSTOM_LEDGER, CUSTOM_DETAILED)
    routes[PAGES] = tuple(_pages(installation))
    version = installation.version
    return {
        route: Catalogue(route, {s.name: s.in_version(version) for s in sets if s.since <= version})
        for route, sets in routes.items()
    }


def _standard(installation: Installation) -> tuple[EntitySet, ...]:
    sets = [*SETUP, *CARDS, *SALES]
    if installation.expand_financial_detail_plural:
        sets = [_plural(s) if s.name == "customers" else s for s in sets]
    if not installation.aggregates_populated:
        sets = [replace(s, table=None, rows=lambda c, _: ()) if s.name in AGGREGATES else s for s in sets]
    return tuple(sets)


def _plural(customers: EntitySet) -> EntitySet:
    """Some versions may take the set's name in $expand, as the docs show it."""

    def renamed(nav: Nav) -> Nav:
        return replace(nav, name=nav.target) if nav.name == "customerFinancialDetail" else nav

    return replace(customers, navs=tuple(renamed(nav) for nav in customers.navs))


def _pages(installation: Installation) -> list[EntitySet]:
    pages = []
    if installation.ledger_page_published:
        missing = installation.ledger_page_missing_columns
        pages.append(
            replace(LEDGER_PAGE, fields=tuple(f for f in LEDGER_PAGE.fields if f.name not in missing))
        )
    if installation.customer_card_published:
        pages.append(CUSTOMER_CARD)
    if installation.contact_list_published:
        pages.append(CONTACT_LIST)
    return pages
