"""Tables of who was erased and may not come back."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    LargeBinary,
    Table,
    Text,
)
from sqlalchemy.dialects.postgresql import JSONB, UUID

from sync_engine.store.schema.engine import ENGINE, metadata, now_column

suppression = Table(
    "suppression",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("entity", Text, nullable=False),
    now_column("made_at"),
    schema=ENGINE,
)
"""Records of erased people, as keyed hashes of source and key: they are not landed again."""


suppression_key = Table(
    "suppression_key",
    metadata,
    Column("is_only", Boolean, primary_key=True),
    Column("secret", LargeBinary, nullable=False),
    schema=ENGINE,
)
"""The one secret of those hashes."""


erased_change = Table(
    "erased_change",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("remains", LargeBinary, nullable=False),
    schema=ENGINE,
)
"""Audit rows whose values left: `sealed` is the digest the chain was made of, `remains` that of the row as it stands."""


erasure = Table(
    "erasure",
    metadata,
    Column("plan_hash", Text, primary_key=True),
    Column("entity", Text, nullable=False),
    Column("record_id", UUID(as_uuid=True), nullable=False),
    Column("erased", JSONB, nullable=False),
    Column("files", JSONB, nullable=False),
    Column("done_by", Text, nullable=False),
    Column("reason", Text, nullable=False),
    now_column("done_at"),
    schema=ENGINE,
)
"""Who was erased, by id, how much of what, by whom and why. `files`: landed files that were replaced and are still to be removed."""
