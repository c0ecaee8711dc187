"""Instalments: what a document asks for on a day. A ledger splits a document into entries, a mapping may split it itself."""

from __future__ import annotations

from sync_engine.canonical.fields import Field

INSTALMENT = (
    Field("number", "int"),
    Field("due_date", "date"),
    Field("amount", "money"),
    Field("open_amount", "money"),
    Field("promised_date", "date"),
    Field("closed_date", "date"),
    Field("entry"),
)
"""Amounts have the document's sign and currency. Without an `open_amount` the document's is shared out, the earliest settled first, and marked."""
