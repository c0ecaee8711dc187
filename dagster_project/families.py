"""The lane as a table: families a person thinks in, what each canonical asset is made from, and which tables it writes."""

from __future__ import annotations

from typing import Literal, NamedTuple

import dagster as dg

Family = Literal["dimensions", "debtors", "contacts", "documents", "payments"]


class FamilyFacts(NamedTuple):
    """What a family holds, in words for the UI; which families its canonical asset reads; which tables it writes."""

    holds: str
    canonical: str
    reads: tuple[Family, ...]
    tables: tuple[str, ...]


FAMILIES: dict[Family, FamilyFacts] = {
    "dimensions": FamilyFacts(
        "dimensions and their values",
        "dimensions, their values and the portfolios made from them",
        ("dimensions",),
        ("dimension", "dimension_value", "portfolio"),
    ),
    "debtors": FamilyFacts(
        "the company, its code lists, account owners, customers and their default dimensions",
        "debtors with portfolio and owner, and the code lists they use",
        ("dimensions", "debtors"),
        (
            "company",
            "account_owner",
            "reference",
            "fx_rate",
            "debtor",
            "debtor_dimension",
            "debtor_group",
            "address",
            "activity",
            "link",
        ),
    ),
    "contacts": FamilyFacts(
        "contacts and whom they belong to",
        "contacts with their positions",
        ("debtors", "contacts"),
        ("contact", "contact_position"),
    ),
    "documents": FamilyFacts(
        "invoices and credit notes with lines",
        "posted documents with lines, open amounts and status",
        ("debtors", "documents", "payments"),
        ("document", "document_line", "instalment", "attachment"),
    ),
    "payments": FamilyFacts(
        "customer ledger entries and applications",
        "payments, and which money settled which document",
        ("debtors", "documents", "payments"),
        ("payment", "application"),
    ),
}
"""Static, so that definitions load without asking a network or a database; the wire streams of a family are found at run time."""
SPOKEN_OF: dict[Family, str] = {"debtors": "debtor", "contacts": "contact"}
"""Families that several sources may speak about, and the entity of theirs that is linked and folded."""


def pulled_key(source: str, family: str) -> dg.AssetKey:
    """What the source said, landed in the lake."""
    return dg.AssetKey([source, "pulled", family])


def normalised_key(source: str, family: str) -> dg.AssetKey:
    """What the landed records mean."""
    return dg.AssetKey([source, "normalised", family])


def canonical_key(source: str, family: str) -> dg.AssetKey:
    """What other applications read."""
    return dg.AssetKey([source, "canonical", family])


def certificate_key(source: str) -> dg.AssetKey:
    """What the last cut proves."""
    return dg.AssetKey([source, "certificate"])


def delivered_key(source: str) -> dg.AssetKey:
    """What was written back."""
    return dg.AssetKey([source, "delivered"])


POLICY = dg.AssetKey(["canonical_store", "ownership_policy"])
"""Who is believed for which field."""
LINKS = dg.AssetKey(["canonical_store", "links"])
"""Who is who: plans are its observations, decisions its materialisations."""
