"""Company, code lists, dimensions, salespeople: what the rest refers to."""

from __future__ import annotations

from decimal import Decimal, localcontext
from typing import Annotated, Any

from typing_extensions import TypedDict

from mappings.toolkit.fields import Day, Flag, Key, Rate, Text, addresses, is_zero, member, wire
from mappings.toolkit.rows import Refused, Row
from mappings.toolkit.rules import settle_country
from mappings.toolkit.shapes import Shape, exclude, keep, reference
from sync_engine.ports import Draft, Normalised


class Company(TypedDict, total=False):
    """companyInformation; its currencyCode is the local currency."""

    name: Annotated[Text, wire("displayName")]
    base_currency: Annotated[Text, wire("currencyCode")]
    country: Annotated[Text, wire("country", "countryCode")]
    vat_no: Annotated[Text, wire("taxRegistrationNumber")]


class LedgerSetup(TypedDict, total=False):
    """generalLedgerSetup, from v23."""

    base_currency: Annotated[Text, wire("localCurrencyCode")]


class Currency(TypedDict, total=False):
    """currencies; the local currency is normally no row, and a code need not be ISO."""

    code: Annotated[Text, wire("code")]
    name: Annotated[Text, wire("displayName")]
    symbol: Annotated[Text, wire("symbol")]
    decimal_places: Annotated[Text, wire("amountDecimalPlaces")]
    rounding: Annotated[Rate, wire("amountRoundingPrecision")]


class ExchangeRate(TypedDict, total=False):
    """currencyExchangeRates, from v23: so much of one currency is so much of the other."""

    code: Annotated[Text, wire("currencyCode")]
    to: Annotated[Text, wire("relationalCurrencyCode")]
    date: Annotated[Day, wire("startingDate")]
    amount: Annotated[Rate, wire("exchangeRateAmount")]
    relational: Annotated[Rate, wire("relationalExchangeRateAmount")]


class PaymentTerm(TypedDict, total=False):
    """paymentTerms; the calculations are date formulas such as 10D or 1M(8D)."""

    code: Annotated[Text, wire("code")]
    name: Annotated[Text, wire("displayName")]
    due_date_calculation: Annotated[Text, wire("dueDateCalculation")]
    discount_date_calculation: Annotated[Text, wire("discountDateCalculation")]
    discount_percent: Annotated[Rate, wire("discountPercent")]


class PaymentMethod(TypedDict, total=False):
    """paymentMethods."""

    code: Annotated[Text, wire("code")]
    name: Annotated[Text, wire("displayName")]


class DisputeStatus(TypedDict, total=False):
    """disputeStatus, from v25; the entity set's name is singular."""

    code: Annotated[Text, wire("code")]
    name: Annotated[Text, wire("displayName")]


class Salesperson(TypedDict, total=False):
    """salespeoplePurchasers, from v26."""

    number: Annotated[Text, wire("code")]
    name: Annotated[Text, wire("displayName")]
    email: Annotated[Text, wire("email")]


class Dimension(TypedDict, total=False):
    """dimensions."""

    code: Annotated[Text, wire("code")]
    name: Annotated[Text, wire("displayName")]


class DimensionValue(TypedDict, total=False):
    """dimensionValues; keyed by id, because codes get renamed."""

    dimension_key: Annotated[Key, wire("dimensionId")]
    code: Annotated[Text, wire("code")]
    name: Annotated[Text, wire("displayName")]


class FinanceDimensionValue(TypedDict, total=False):
    """dimensionValues of reportsFinance: what the API v2.0 does not say; parents are only told by indentation, not claimed."""

    blocked: Annotated[Flag, wire("blocked")]
    is_heading: Annotated[Text, wire("dimensionValueType")]


class DefaultDimension(TypedDict, total=False):
    """defaultDimensions of customers: at most one row per customer and dimension; the value may be blank."""

    parent_type: Annotated[Text, wire("parentType")]
    debtor_key: Annotated[Key, wire("parentId")]
    dimension_key: Annotated[Key, wire("dimensionId")]
    dimension_value_key: Annotated[Key, wire("dimensionValueId")]


def _company(key: str, row: Row, out: Normalised) -> None:
    settle_country(key, row, out.gaps)
    keep(key, row, out)


def _exchange_rate(key: str, row: Row, out: Normalised) -> None:
    """One unit of `from` in `to` (None: the local currency), to ten decimals."""
    amount, relational = row.get("amount"), row.get("relational")
    if amount is None or relational is None or is_zero(amount):
        raise Refused(
            "exchangeRateAmount", "exchangeRateAmount or relationalExchangeRateAmount is missing or nought"
        )
    with localcontext() as context:
        context.prec = 40
        rate = (Decimal(relational) / Decimal(amount)).quantize(Decimal("1e-10"))
    text = f"{rate:f}".rstrip("0").rstrip(".")
    values: dict[str, Any] = {"from": row.get("code"), "to": row.get("to"), "date": row.get("date")}
    out.drafts.append(Draft(key, {**values, "rate": text, "basis": "spot"}))


def _salesperson(key: str, row: Row, out: Normalised) -> None:
    if row.get("email"):
        row["email"] = next(iter(addresses(row["email"])), None)
    keep(key, row, out)


def _finance_value(key: str, row: Row, out: Normalised) -> None:
    if "is_heading" in row:
        row["is_heading"] = (member(row["is_heading"] or "") or "Standard") != "Standard"
    keep(key, row, out)


def _default_dimension(key: str, row: Row, out: Normalised) -> None:
    """Rows of other masters, and defaults for all customers (blank No.), are no assignment of a debtor."""
    parent = member(row.pop("parent_type", None) or "")
    if parent is not None and parent != "Customer":
        exclude(key, f"default dimension of another kind of record ({parent})", out)
    elif row.get("debtor_key") is None:
        exclude(key, "default dimension of no single customer", out)
    else:
        keep(key, row, out)


SHAPES: dict[str, Shape] = {
    "companyInformation": Shape(Company, _company),
    "generalLedgerSetup": Shape(LedgerSetup, keep),
    "currencies": Shape(Currency, reference("currency", "symbol", "decimal_places", "rounding")),
    "currencyExchangeRates": Shape(ExchangeRate, _exchange_rate),
    "paymentTerms": Shape(
        PaymentTerm,
        reference("payment_terms", "due_date_calculation", "discount_date_calculation", "discount_percent"),
    ),
    "paymentMethods": Shape(PaymentMethod, reference("payment_method")),
    "disputeStatus": Shape(DisputeStatus, reference("dispute_status")),
    "salespeoplePurchasers": Shape(Salesperson, _salesperson),
    "dimensions": Shape(Dimension, keep),
    "dimensionValues": Shape(DimensionValue, keep),
    "financeDimensionValues": Shape(FinanceDimensionValue, _finance_value),
    "defaultDimensions": Shape(DefaultDimension, _default_dimension),
}
