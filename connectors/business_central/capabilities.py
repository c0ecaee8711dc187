"""What an installation can and cannot do, in sentences for a consultant: what is lost, what to do about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from connectors.business_central.catalogue import (
    BASE,
    DETAILED_API,
    ENTRIES_ANALYTICS,
    ENTRIES_API,
    ENTRIES_FINANCE,
    ENTRIES_GROUPED,
    ENTRIES_PAGE,
    Entity,
)
from connectors.business_central.discovery import Offer
from connectors.business_central.installation import NOT_PERMITTED, Installation
from connectors.business_central.settings import Route, Settings
from connectors.toolkit.odata.query import Query
from sync_engine.errors import SourceError, SyncError, TransientError
from sync_engine.records import Capability

_LEDGER: dict[Route, str] = {
    "auto": "",
    "custom_api": "",
    "odata_page": "Microsoft removes published pages of its own in v30 (2027 wave 1): plan an API page of your own",
    "analytics": (
        "entries outside the dates of the Power BI set-up are not seen; payments and journal entries are told in base currency only, "
        "and so is what was applied in foreign currency; descriptions, external numbers and disputes of entries are not told"
    ),
    "reports_finance": (
        "what is unapplied of a payment, what remains of journal and opening entries and of each of several instalments, their due dates, and "
        "which payment settled which invoice are not told: checks C2, C3, C6 and C7 cannot be answered"
    ),
    "invoices": (
        "payments, applications, journal-posted invoices, opening balances, refunds and finance charges are not seen, "
        "what remains of a credit note is not told, instalments and amounts withheld at posting are not seen, and a released order looks "
        "like a posted invoice: checks C2, C3, C6 and C7 "
        "cannot be answered, and balances (C5) need not agree"
    ),
}
_BETTER: dict[str, str] = {
    ENTRIES_API.name: "an API page over customer ledger entries is the best route: name its publisher and group in ledger.custom",
    DETAILED_API.name: "which payment settled which invoice (checks C6 and C7)",
    ENTRIES_PAGE.name: "payments, journals and opening balances in their own currency: publish page 25 as Cust_LedgerEntries",
    ENTRIES_GROUPED.name: "the ledger through the Power BI app: install it and give the login its permission set",
    ENTRIES_ANALYTICS.name: "which payment settled which invoice (checks C6 and C7): install the Power BI app and give the login its permission set",
}
_FINANCE = "{}: install Microsoft's app API Reports - Finance, or give the login its permission set"
_COLUMNS = {
    "Remaining_Amount": "what remains of an entry",
    "Remaining_Amt_LCY": "what remains in base currency (check C4)",
    "Due_Date": "due dates of entries",
    "Currency_Code": "currencies of entries: all would pass for base currency",
    "Closed_at_Date": "closing dates; entries closed lately are looked for by number only",
    "External_Document_No": "external document numbers",
    "Reversed": "which entries were reversed",
    "Promised_Pay_Date": "promised payment dates of entries (v25 and later)",
    "Dispute_Status": "disputes of entries (v25 and later)",
}
_TABLES: dict[str, str] = {
    "companyInformation": "Company Information (79)",
    "generalLedgerSetup": "General Ledger Setup (98)",
    "currencies": "Currency (4)",
    "currencyExchangeRates": "Currency Exchange Rate (330)",
    "paymentTerms": "Payment Terms (3)",
    "paymentMethods": "Payment Method (289)",
    "salespeoplePurchasers": "Salesperson/Purchaser (13)",
    "dimensions": "Dimension (348)",
    "dimensionValues": "Dimension Value (349)",
    "financeDimensionValues": "Dimension Value (349)",
    "customers": "Customer (18)",
    "customerFinancialDetails": "Customer (18) and Detailed Cust. Ledg. Entry (379)",
    "customerCard": "Customer (18)",
    "defaultDimensions": "Default Dimension (352)",
    "contacts": "Contact (5050)",
    "customerContacts": "Contact (5050) and Contact Business Relation (5054)",
    "salesInvoices": "Sales Invoice Entity Aggregate (5475)",
    "salesCreditMemos": "Sales Cr. Memo Entity Buffer (5507)",
    "agedAccountsReceivables": "Customer (18) and Cust. Ledger Entry (21)",
    "accounts": "G/L Account (15)",
    ENTRIES_PAGE.name: "Cust. Ledger Entry (21)",
    ENTRIES_API.name: "Cust. Ledger Entry (21)",
    DETAILED_API.name: "Detailed Cust. Ledg. Entry (379)",
    ENTRIES_FINANCE.name: "Cust. Ledger Entry (21)",
}
"""What a permission set has to let the login read. [B: the tables behind the pages of the catalogue]"""
_GATED = (
    (
        "contacts",
        "jobTitle",
        "positions (v25 and later; before, through an API page of your own in connection.pages)",
    ),
    ("customers", "salespersonCode", "account owners of debtors (v19 and later)"),
    ("salesInvoices", "promisedPayDate", "promised payment dates (v25 and later)"),
    ("salesInvoices", "disputeStatus", "disputes (v25 and later)"),
    ("defaultDimensions", "lastModifiedDateTime", "reading only changed ones (v23 and later)"),
)


def capabilities(
    site: Installation, settings: Settings, count: Callable[[Entity], int | None]
) -> tuple[Capability, ...]:
    """What can and cannot be done. Every entity is asked for one row, so that missing permissions show; `count` counts one."""
    entities = tuple(_entities(site))
    refused = {capability.name for capability in entities if not capability.available}
    fields = (field for field in _fields(site, settings) if field.name.partition(".")[0] not in refused)
    return (
        *entities,
        *_ledger(site),
        *_filled(site, refused, count),
        *_cheapness(site),
        *_controls(site, settings),
        *fields,
    )


def _entities(site: Installation) -> Iterator[Capability]:
    offer = site.offer
    for entity in offer.entities.values():
        doubt = offer.doubtful.get(entity.name)
        try:
            why = (
                site.refusal(entity)
                if not doubt and not entity.optional and entity.reader != "contacts_information"
                else ""
            )
        except (SourceError, TransientError) as failure:
            why = _silence(failure)
        why = _silence(doubt) if doubt else why
        yield Capability(
            entity.name,
            not why,
            why or "readable",
            _permitted(entity.name, why, _lost(entity.name)) if why else "",
        )
    for name, why in offer.missing.items():
        yield Capability(name, False, why, _permitted(name, why, _lost(name)))


def _permitted(name: str, why: str, lost: str) -> str:
    """With the table to grant, where a permission is what is missing."""
    table = _TABLES.get(name, "") if why == NOT_PERMITTED else ""
    return (
        f"{lost}. Give the app's user a permission set that reads {table}; D365 READ has it"
        if table
        else lost
    )


def _filled(
    site: Installation, refused: set[str], count: Callable[[Entity], int | None]
) -> Iterator[Capability]:
    """After a migration the sets of documents are empty until they are built: nothing is refused, and nothing is there. [facts: case 32]"""
    sets = [
        site.offer.entities[name]
        for name in ("salesInvoices", "salesCreditMemos")
        if name in site.offer.entities and name not in refused
    ]
    ledger = next(
        (
            e
            for e in site.offer.entities.values()
            if e.stream.canonical == "ledger_entry" and e.reader == "entries"
        ),
        None,
    )
    try:
        if not sets or ledger is None or any(count(entity) != 0 for entity in sets) or not count(ledger):
            return
    except (SourceError, TransientError):
        return
    built = (
        "invoices and credit notes with their lines: run Integrate APIs on page API Setup in Business Central"
    )
    yield Capability("documents", False, "the sets are empty, and the ledger is not", built)


def _silence(failure: SyncError) -> str:
    """What passes by itself is told apart from what is refused for good."""
    return (
        f"could not be told now, ask again ({failure.what})"
        if isinstance(failure, TransientError)
        else failure.what
    )


def _refused(site: Installation, path: str) -> str:
    """Why a set of API v2.0 that is no wire entity cannot be read; empty when it can."""
    try:
        return site.refused(site.addresses.v2(path, Query(top=1)), path)
    except TransientError as failure:
        return _silence(failure)


def _lost(name: str) -> str:
    return (
        {entity.name: entity.lost for entity in BASE}.get(name) or _BETTER.get(name) or "another ledger route"
    )


def untold(site: Installation) -> dict[str, str]:
    """What the ledger route cannot tell, by the wire entity it reads: what the certificate of every cut says. Asks nothing."""
    offer = site.offer
    carrier = next(
        (entity.name for entity in offer.entities.values() if entity.stream.canonical == "ledger_entry"),
        "openInvoices",
    )
    sentence = "; ".join(
        [*filter(None, [_by_route(offer)]), *(f"{name} is not shown: {lost}" for name, lost in _hidden(site))]
    )
    return (
        {carrier: f"ledger route {offer.route}: {sentence}"} if sentence and carrier in offer.entities else {}
    )


def _by_route(offer: Offer) -> str:
    """What the route does not tell, with what its companion would have told."""
    told = _LEDGER[offer.route]
    applied = "which payment settled which invoice is not told: checks C6 and C7 cannot be answered"
    if (offer.route == "odata_page" and ENTRIES_ANALYTICS.name not in offer.entities) or (
        offer.route == "custom_api" and DETAILED_API.name not in offer.entities
    ):
        told = f"{told}; {applied}" if told else applied
    return told


def _hidden(site: Installation) -> Iterator[tuple[str, str]]:
    """Columns that the published page does not show in this tenant, and what is lost without each."""
    page = site.offer.entities.get(ENTRIES_PAGE.name)
    if page is None or not (shown := site.fields_seen(page)):
        return
    for column, lost in _COLUMNS.items():
        if column not in shown and not (
            column in ("Promised_Pay_Date", "Dispute_Status") and (site.major or 99) < 25
        ):
            yield f"{page.path}.{column}", lost


def _ledger(site: Installation) -> Iterator[Capability]:
    """The route, what it does not tell, and what its page hides."""
    offer = site.offer
    yield Capability(
        "ledger route", offer.route not in ("reports_finance", "invoices"), offer.route, _by_route(offer)
    )
    for name, lost in _hidden(site):
        yield Capability(name, False, "not visible on the published page", lost)
    for entity in (offer.entities.get(ENTRIES_API.name), offer.entities.get(DETAILED_API.name)):
        if entity is not None and site.fields_seen(entity):
            lost = "a cursor without loss: rows without a stamp (a copied company) are only found by a sweep; expose SystemRowVersion"
            shown_here = bool(entity.version)
            yield Capability(
                f"{entity.name}.systemRowVersion",
                shown_here,
                "readable" if shown_here else "not on the page",
                "" if shown_here else lost,
            )


def _cheapness(site: Installation) -> Iterator[Capability]:
    """What is asked more often than would be needed with more permission or a newer version."""
    lost = "a run reads all open invoices again" + (
        ", and the whole Power BI ledger" if site.offer.route == "analytics" else ""
    )
    moved = site.signal is not None
    detail, todo = (
        ("detailed entries of reportsFinance", "")
        if moved
        else ("reportsFinance does not answer", _FINANCE.format(lost))
    )
    yield Capability("change signal", moved, detail, todo)
    if "contactsInformation" in site.offer.entities and "customerContacts" not in site.offer.entities:
        yield Capability(
            "contacts in bulk",
            False,
            "customerContacts does not answer",
            "contacts are asked for customer by customer, when a contact changed",
        )


def _controls(site: Installation, settings: Settings) -> Iterator[Capability]:
    """Figures to compare with."""
    why = _refused(site, "agedAccountsReceivables")
    lost = _permitted("agedAccountsReceivables", why, "the ageing as the ERP states it: check C8")
    yield Capability("agedAccountsReceivables", not why, why or "readable", lost if why else "")
    if not settings.control_accounts:
        todo = "the tie to the general ledger (check C9): set control_accounts to the receivables accounts, or to by_category"
        yield Capability("control account", False, "not configured", todo)
        return
    why = _refused(site, "accounts")
    lost = _permitted("accounts", why, "the tie to the general ledger (check C9)")
    yield Capability("control account", not why, why or "readable", lost if why else "")


def _fields(site: Installation, settings: Settings) -> Iterator[Capability]:
    """Fields that came with a version or are the customer's own."""
    known = site.metadata
    if known is None:
        why = _silence(site.undescribed) if site.undescribed else "not there"
        yield Capability("$metadata", False, why, "fields cannot be checked before they are read")
        return
    if known.stands_in:
        yield Capability("entityDefinitions", True, "stands in for $metadata, which is not there")
    wanted = [(entity, field, lost) for entity, field, lost in _GATED if known.has(entity)]
    wanted += [
        (name, field, "a custom field")
        for name, fields in settings.custom_fields.items()
        for field in fields
        if known.has(name)
    ]
    for name, field, lost in wanted:
        seen = (
            site.fields_seen(site.offer.entities[name])
            if name in settings.pages and name in site.offer.entities
            else frozenset()
        )
        there = field in seen or (name not in settings.pages and known.has(name, field))
        absent = "not on the page" if name in settings.pages else "not in this version"
        yield Capability(f"{name}.{field}", there, "readable" if there else absent, "" if there else lost)
