"""API v2.0 set-up entities: company information, ledger set-up, currencies, terms, salespeople, accounts, dimensions.

Field names from the AL pages of the API v2.0 app; `since` follows their history.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from tests.simulators.business_central import records as r
from tests.simulators.business_central.errors import dialog
from tests.simulators.business_central.schema import (
    EntitySet,
    Nav,
    amount,
    card,
    day,
    flag,
    guid,
    option,
    stamp,
    text,
    whole,
)
from tests.simulators.business_central.world import Company

PARENTS = (" ", "Customer", "Item", "Vendor", "Employee")
POSTING = (" ", "Code Mandatory", "Same Code", "No Code")
MODIFIED = stamp("lastModifiedDateTime", "modified_at")


@dataclass
class DimensionSetLine:
    """A dimension value on a document; the key is the dimension's id, so it repeats across parents."""

    id: str
    value_id: str
    parent_id: str
    parent_type: str
    row_version: int = 0


def settings(company: Company, _: object) -> list[r.Row]:
    """The single row of a set-up table."""
    return [company.settings_row]


def currency_id(company: Company, code: str) -> str | None:
    """The currency's id; blank for the local currency, which is no row."""
    return next((x.id for x in company.currencies.values() if x.code == code), None) if code else None


def own(name: str) -> Any:
    """A field of the company itself."""
    return lambda c, row: getattr(c, name)


def shortcut(place: int) -> Any:
    """The code of a shortcut dimension."""
    return lambda c, row: (c.shortcut_dimensions + [""] * 8)[place]


def dimension_code(company: Company, dimension_id: str) -> str:
    """The code a dimension has now."""
    found = company.dimensions.get(dimension_id)
    return found.code if found else ""


def value_code(company: Company, value_id: str | None) -> str:
    """The code stays readable after its value was deleted only in the row; the API looks it up."""
    found = company.dimension_values.get(value_id or "")
    return found.code if found else ""


def values_of(company: Company, row: r.Dimension) -> Iterator[r.DimensionValue]:
    """The values of a dimension."""
    return (x for x in company.dimension_values.in_key_order() if x.dimension_id == row.id)


def _this(table: str, ref: Any) -> Any:
    """The rows of a to-one navigation through an id."""

    def rows(company: Company, row: Any) -> list[Any]:
        found = getattr(company, table).get(ref(company, row) or "")
        return [found] if found else []

    return rows


def dimension_lines(company: Company, row: r.SalesDocument) -> list[DimensionSetLine]:
    """The dimension set of a document."""
    kind = "Sales Invoice" if row.kind == "Invoice" else "Sales Credit Memo"
    return [DimensionSetLine(x, v, row.id, kind) for x, v in sorted(row.dimension_values.items())]


def needs_parent(message: str) -> Any:
    """A set that refuses to be read without its parent."""

    def rows(company: Company, equalities: object) -> list[Any]:
        raise dialog(message)

    return rows


def exchange_rate_currency(company: Company, row: r.ExchangeRate) -> str:
    """The currency of a rate."""
    return row.currency_code


COMPANY_INFORMATION = EntitySet(
    "companyInformation",
    "companyInformation",
    (
        guid("id", "id"),
        text("displayName", lambda c, row: c.display_name or c.name),
        text("addressLine1", lambda c, row: "7122 South Ashford Street"),
        text("addressLine2", lambda c, row: ""),
        text("city", lambda c, row: ""),
        text("state", lambda c, row: ""),
        text("country", own("country")),
        text("postalCode", lambda c, row: ""),
        text("phoneNumber", lambda c, row: ""),
        text("email", lambda c, row: ""),
        text("website", lambda c, row: ""),
        text("taxRegistrationNumber", own("vat_no")),
        text("currencyCode", own("local_currency")),
        day("currentFiscalYearStartDate", lambda c, row: date(c.today().year, 1, 1)),
        text("industry", lambda c, row: ""),
        MODIFIED,
    ),
    rows=settings,
    permission="79 Company Information",
)
LEDGER_SETUP = EntitySet(
    "generalLedgerSetup",
    "generalLedgerSetup",
    (
        guid("id", "id"),
        day("allowPostingFrom", lambda c, row: None),
        day("allowPostingTo", lambda c, row: None),
        text("additionalReportingCurrency", lambda c, row: ""),
        text("localCurrencyCode", own("local_currency")),
        text("localCurrencySymbol", lambda c, row: ""),
        *(text(f"shortcutDimension{n}Code", shortcut(n - 1)) for n in range(1, 9)),
        MODIFIED,
    ),
    rows=settings,
    since=23,
    permission="98 General Ledger Setup",
)
CURRENCIES = EntitySet(
    "currencies",
    "currency",
    (
        guid("id", "id"),
        text("code", "code"),
        text("displayName", "name"),
        text("symbol", "symbol"),
        text("amountDecimalPlaces", lambda c, row: f"{row.decimals}:{row.decimals}"),
        amount("amountRoundingPrecision", lambda c, row: Decimal(1).scaleb(-row.decimals)),
        MODIFIED,
    ),
    table=lambda c: c.currencies,
    permission="4 Currency",
)
EXCHANGE_RATES = EntitySet(
    "currencyExchangeRates",
    "currencyExchangeRate",
    (
        guid("id", "id"),
        text("currencyCode", exchange_rate_currency),
        day("startingDate", "starting_date"),
        amount("exchangeRateAmount", "amount"),
        text("relationalCurrencyCode", lambda c, row: ""),
        amount("relationalExchangeRateAmount", "relational_amount"),
        MODIFIED,
    ),
    table=lambda c: c.exchange_rates,
    since=23,
    permission="330 Currency Exchange Rate",
)
PAYMENT_TERMS = EntitySet(
    "paymentTerms",
    "paymentTerm",
    (
        guid("id", "id"),
        text("code", "code"),
        text("displayName", "name"),
        text("dueDateCalculation", "due_date_calculation"),
        text("discountDateCalculation", lambda c, row: ""),
        amount("discountPercent", lambda c, row: 0),
        flag("calculateDiscountOnCreditMemos", lambda c, row: False),
        MODIFIED,
    ),
    table=lambda c: c.payment_terms,
    permission="3 Payment Terms",
)
PAYMENT_METHODS = EntitySet(
    "paymentMethods",
    "paymentMethod",
    (guid("id", "id"), text("code", "code"), text("displayName", "name"), MODIFIED),
    table=lambda c: c.payment_methods,
    permission="289 Payment Method",
)
SALESPEOPLE = EntitySet(
    "salespeoplePurchasers",
    "salespersonPurchaser",
    (
        guid("id", "id"),
        text("code", "code"),
        text("displayName", "name"),
        text("email", "email"),
        text("email2", "email2"),
        text("phoneNo", "phone"),
        text("jobTitle", "job_title"),
        amount("commisionPercent", "commission"),
        flag("privacyBlocked", "privacy_blocked"),
        flag("blocked", "blocked"),
        MODIFIED,
    ),
    table=lambda c: c.salespeople,
    since=26,
    permission="13 Salesperson/Purchaser",
)
DISPUTE_STATUS = EntitySet(
    "disputeStatus",
    "disputeStatus",
    (guid("id", "id"), text("code", "code"), text("displayName", "name")),
    table=lambda c: c.dispute_statuses,
    since=25,
    permission="11202 Dispute Status",
)
ACCOUNTS = EntitySet(
    "accounts",
    "account",
    (
        guid("id", "id"),
        text("number", "number"),
        text("displayName", "name"),
        option("category", "category", (" ", "Assets", "Liabilities", "Equity", "Income", "Expense")),
        text("subCategory", "sub_category"),
        flag("blocked", lambda c, row: False),
        option("accountType", lambda c, row: "Posting", ("Posting", "Heading", "Total")),
        flag("directPosting", lambda c, row: row.number != "2310"),
        amount(
            "netChange",
            lambda c, row: sum(
                (x.amount for x in c.general.values() if x.account_number == row.number), Decimal(0)
            ),
        ),
        MODIFIED,
    ),
    table=lambda c: c.accounts,
    permission="15 G/L Account",
)
DIMENSIONS = EntitySet(
    "dimensions",
    "dimension",
    (
        guid("id", "id"),
        text("code", "code"),
        text("displayName", "name"),
        text("consolidationCode", lambda c, row: "", since=23),
        MODIFIED,
    ),
    table=lambda c: c.dimensions,
    navs=(Nav("dimensionValues", "dimensionValues", True, values_of),),
    permission="348 Dimension",
)
DIMENSION_VALUES = EntitySet(
    "dimensionValues",
    "dimensionValue",
    (
        guid("id", "id"),
        text("code", "code"),
        guid("dimensionId", "dimension_id"),
        text("displayName", "name"),
        text("consolidationCode", lambda c, row: "", since=23),
        MODIFIED,
    ),
    table=lambda c: c.dimension_values,
    permission="349 Dimension Value",
)
DEFAULT_DIMENSIONS = EntitySet(
    "defaultDimensions",
    "defaultDimension",
    (
        guid("id", "id"),
        option("parentType", "parent_type", PARENTS),
        guid("parentId", "parent_id"),
        guid("dimensionId", "dimension_id"),
        text("dimensionCode", lambda c, row: dimension_code(c, row.dimension_id)),
        guid("dimensionValueId", "value_id"),
        text("dimensionValueCode", lambda c, row: value_code(c, row.value_id)),
        option("postingValidation", "posting_validation", POSTING),
        stamp("lastModifiedDateTime", "modified_at", since=23),
    ),
    table=lambda c: c.default_dimensions,
    navs=(
        Nav("customer", "customers", False, _this("customers", lambda c, row: row.parent_id)),
        Nav("dimension", "dimensions", False, _this("dimensions", lambda c, row: row.dimension_id)),
        Nav(
            "dimensionValue", "dimensionValues", False, _this("dimension_values", lambda c, row: row.value_id)
        ),
    ),
    permission="352 Default Dimension",
)
DIMENSION_SET_LINES = EntitySet(
    "dimensionSetLines",
    "dimensionSetLine",
    (
        guid("id", "id"),
        text("code", lambda c, row: dimension_code(c, row.id)),
        text("consolidationCode", lambda c, row: "", since=23),
        guid("parentId", "parent_id"),
        option("parentType", "parent_type", ("Sales Invoice", "Sales Credit Memo")),
        text("displayName", lambda c, row: c.dimensions[row.id].name if row.id in c.dimensions else ""),
        guid("valueId", "value_id"),
        text("valueCode", lambda c, row: value_code(c, row.value_id)),
        text("valueConsolidationCode", lambda c, row: "", since=23),
        text(
            "valueDisplayName",
            lambda c, row: (
                c.dimension_values[row.value_id].name if row.value_id in c.dimension_values else ""
            ),
        ),
    ),
    rows=needs_parent("You must specify a parent id to get to the dimensions set lines."),
    permission="480 Dimension Set Entry",
)
GENERAL_ENTRIES = EntitySet(
    "generalLedgerEntries",
    "generalLedgerEntry",
    (
        guid("id", "id"),
        whole("entryNumber", "entry_no"),
        day("postingDate", "posting_date"),
        text("documentNumber", "document_no"),
        option(
            "documentType",
            "document_type",
            (" ", "Payment", "Invoice", "Credit Memo", "Finance Charge Memo", "Reminder", "Refund"),
        ),
        guid(
            "accountId",
            lambda c, row: next(x.id for x in c.accounts.values() if x.number == row.account_number),
        ),
        text("accountNumber", "account_number"),
        text("description", "description"),
        amount("debitAmount", lambda c, row: max(row.amount, Decimal(0))),
        amount("creditAmount", lambda c, row: max(-row.amount, Decimal(0))),
        amount("additionalCurrencyDebitAmount", lambda c, row: 0),
        amount("additionalCurrencyCreditAmount", lambda c, row: 0),
        MODIFIED,
    ),
    table=lambda c: c.general,
    permission="17 G/L Entry",
)
SETUP = (
    COMPANY_INFORMATION, LEDGER_SETUP, CURRENCIES, EXCHANGE_RATES, PAYMENT_TERMS, PAYMENT_METHODS, SALESPEOPLE,
    DISPUTE_STATUS, ACCOUNTS, DIMENSIONS, DIMENSION_VALUES, DEFAULT_DIMENSIONS, DIMENSION_SET_LINES, GENERAL_ENTRIES,
)  # fmt: skip
__all__ = ["MODIFIED", "SETUP", "card", "currency_id", "dimension_lines", "needs_parent"]
