"""What every table of schema canonical has: its envelope, its kinds of values."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Numeric,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import JSONB, UUID

from sync_engine.store.schema.engine import NOW, TS, metadata

CANONICAL = "canonical"


MONEY = Numeric(19, 4)


RATE = Numeric(28, 10)


ID = UUID(as_uuid=True)


def envelope(*, single_source: bool = True) -> list[Column[Any]]:
    """What every canonical table carries; fresh Column objects each time, since a Column belongs to one table."""
    sourced: list[Column[Any]] = (
        [Column("source", Text, nullable=False), Column("external_id", Text, nullable=False)]
        if single_source
        else []
    )
    return [
        Column("id", ID, primary_key=True),
        *sourced,
        Column("external_no", Text),
        Column("source_url", Text),
        Column("source_modified_at", TS),
        Column("first_seen_at", TS, nullable=False, server_default=NOW),
        Column("changed_at", TS, nullable=False, server_default=NOW),
        Column("cut_id", BigInteger),
        Column("deleted_at", TS),
        Column("custom", JSONB),
    ]


def single(name: str, *columns: Column[Any]) -> Table:
    """A table of one source's records: known there by one external id each."""
    return Table(
        name, metadata, *envelope(), *columns, UniqueConstraint("source", "external_id"), schema=CANONICAL
    )
