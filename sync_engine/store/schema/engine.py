"""The tables of schema `engine`: cursors, source records with hash and claim, quarantine, runs. Private to the engine."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TIMESTAMP, UUID

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)
ENGINE = "engine"
TS = TIMESTAMP(timezone=True)
NOW = text("now()")


def now_column(name: str) -> Column[Any]:
    """A column that says when its row was made."""
    return Column(name, TS, nullable=False, server_default=NOW)


source = Table(
    "source",
    metadata,
    Column("source", Text, primary_key=True),
    Column("connector", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("environment", Text, nullable=False),
    Column("config", JSONB, nullable=False),
    Column("config_hash", Text, nullable=False),
    Column("mapping_version", Text),
    Column("position", Integer, nullable=False, server_default="0"),
    Column("staging_epoch", UUID(as_uuid=True)),
    now_column("registered_at"),
    Column("written", JSONB, nullable=False, server_default="{}"),
    Column("unheard", JSONB, nullable=False, server_default="{}"),
    schema=ENGINE,
)
stream = Table(
    "stream",
    metadata,
    Column("stream_id", SmallInteger, Identity(), primary_key=True),
    Column("source", ForeignKey("engine.source.source"), nullable=False),
    Column("entity", Text, nullable=False),
    Column("family", Text, nullable=False),
    Column("canonical", Text, nullable=False),
    Column("facet", Boolean, nullable=False),
    Column("keys_are_numbers", Boolean, nullable=False, server_default="false"),
    Column("rank", SmallInteger, nullable=False, server_default="0"),
    Column("cursor", Text),
    Column("cursor_moved_at", TS),
    Column("swept_at", TS),
    Column("verified_at", TS),
    Column("sweep_started_at", TS),
    Column("swept_count", Integer),
    Column("erased_count", Integer, nullable=False, server_default="0"),
    UniqueConstraint("source", "entity"),
    schema=ENGINE,
)
lake_manifest = Table(
    "lake_manifest",
    metadata,
    Column("batch_id", BigInteger, Identity(), primary_key=True),
    Column("stream_id", ForeignKey("engine.stream.stream_id"), nullable=False),
    Column("run_id", UUID(as_uuid=True), nullable=False),
    Column("path", Text, nullable=False, unique=True),
    Column("records", Integer, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("checksum", Text, nullable=False),
    now_column("landed_at"),
    Column("normalised_as", Text),
    Column("published_at", TS),
    Column("damage", Text),
    Column("damaged_at", TS),
    Index("ix_lake_manifest_damaged", "stream_id", postgresql_where=text("damage is not null")),
    Index("ix_lake_manifest_waiting", "stream_id", postgresql_where=text("normalised_as is null")),
    schema=ENGINE,
)
source_record = Table(
    "source_record",
    metadata,
    Column("stream_id", SmallInteger, nullable=False),
    Column("key", Text, nullable=False),
    Column("raw_hash", UUID, nullable=False),
    Column("batch_id", BigInteger, nullable=False),
    Column("state", SmallInteger, nullable=False, server_default="0"),
    Column("dirty", Boolean, nullable=False, server_default="false"),
    Column("claim", JSONB),
    Column("first_claim", JSONB),
    Column("about", Text),
    Column("fingerprint", LargeBinary),
    Column("reason", Text),
    now_column("first_seen_at"),
    now_column("changed_at"),
    Column("deleted_at", TS),
    schema=ENGINE,
)
"""state: 0 usable, 1 quarantined, 2 excluded. A row per record ever seen; `claim` only where claims are folded or set from here.
`about`: the key of the record a facet speaks about, where that is not its own key."""
Index(
    "ix_source_record_about",
    source_record.c.stream_id,
    source_record.c.about,
    postgresql_where=source_record.c.about.is_not(None),
)
Index("pk_source_record", source_record.c.stream_id, source_record.c.key, unique=True)
Index("ix_source_record_dirty", source_record.c.stream_id, postgresql_where=source_record.c.dirty)
Index(
    "ix_source_record_odd",
    source_record.c.stream_id,
    source_record.c.state,
    postgresql_where=text("state <> 0 or deleted_at is not null"),
)

quarantine = Table(
    "quarantine",
    metadata,
    Column("quarantine_id", BigInteger, Identity(), primary_key=True),
    Column("stream_id", SmallInteger, nullable=False),
    Column("key", Text, nullable=False),
    Column("stage", Text, nullable=False),
    Column("error", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("field", Text),
    Column("parent_entity", Text),
    Column("parent_key", Text),
    Column("mapping_version", Text),
    Column("run_id", UUID(as_uuid=True)),
    Column("batch_id", BigInteger),
    now_column("first_at"),
    now_column("last_at"),
    Column("attempts", Integer, nullable=False, server_default="1"),
    Column("retry_requested", Boolean, nullable=False, server_default="false"),
    Column("amount", Numeric(19, 4)),
    Column("currency", Text),
    Column("number", Text),
    UniqueConstraint("stream_id", "key"),
    schema=ENGINE,
)
"""`amount`: what the record is open with, credits negative, where that is known; `currency` null: the company's own. `number`: what
the record is called by, where that could be read: others may name it so."""
code_gap = Table(
    "code_gap",
    metadata,
    Column("stream_id", SmallInteger, primary_key=True),
    Column("field", Text, primary_key=True),
    Column("code", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    now_column("first_at"),
    now_column("last_at"),
    schema=ENGINE,
)
sweep_hold = Table(
    "sweep_hold",
    metadata,
    Column("stream_id", SmallInteger, primary_key=True),
    Column("run_id", UUID(as_uuid=True), nullable=False),
    Column("known", Integer, nullable=False),
    Column("seen", Integer, nullable=False),
    Column("missing", Integer, nullable=False),
    Column("stated", Integer),
    Column("sample", JSONB, nullable=False),
    Column("look_alikes", JSONB, nullable=False, server_default="{}"),
    now_column("held_at"),
    Column("approved_by", Text),
    Column("approved_at", TS),
    schema=ENGINE,
)
"""look_alikes: new key -> the missing key it is written like; those wait in quarantine."""
run = Table(
    "run",
    metadata,
    Column("run_id", UUID(as_uuid=True), primary_key=True),
    Column("source", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("triggered_by", Text, nullable=False),
    Column("config_hash", Text),
    now_column("started_at"),
    Column("finished_at", TS),
    Column("outcome", Text),
    Column("error", Text),
    Column("error_class", Text),
    Column("pid", Integer),
    Column("cut_id", BigInteger),
    schema=ENGINE,
)
Index("ix_run_source", run.c.source, run.c.started_at)
run_step = Table(
    "run_step",
    metadata,
    Column("step_id", BigInteger, Identity(), primary_key=True),
    Column("run_id", UUID(as_uuid=True), nullable=False, index=True),
    Column("stage", Text, nullable=False),
    Column("entity", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("error", Text),
    Column("read", Integer, nullable=False, server_default="0"),
    Column("changed", Integer, nullable=False, server_default="0"),
    Column("unchanged", Integer, nullable=False, server_default="0"),
    Column("quarantined", Integer, nullable=False, server_default="0"),
    Column("excluded", Integer, nullable=False, server_default="0"),
    Column("deleted", Integer, nullable=False, server_default="0"),
    Column("calls", Integer, nullable=False, server_default="0"),
    Column("bytes", BigInteger, nullable=False, server_default="0"),
    Column("seconds", Numeric(12, 3), nullable=False),
    now_column("finished_at"),
    schema=ENGINE,
)
control_total = Table(
    "control_total",
    metadata,
    Column("total_id", BigInteger, Identity(), primary_key=True),
    Column("cut_id", BigInteger, nullable=False, index=True),
    Column("entity", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("key", Text, nullable=False, server_default=""),
    Column("currency", Text, nullable=False, server_default=""),
    Column("source_value", Numeric(28, 4)),
    Column("canonical_value", Numeric(28, 4)),
    schema=ENGINE,
)
ledger_entry = Table(
    "ledger_entry",
    metadata,
    Column("source", Text, nullable=False),
    Column("entry_no", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("document_type", Text),
    Column("document_no", Text),
    Column("debtor_key", Text),
    Column("debtor_number", Text),
    Column("posting_date", Date),
    Column("document_date", Date),
    Column("due_date", Date),
    Column("currency", Text),
    Column("amount", Numeric(19, 4)),
    Column("amount_base", Numeric(19, 4)),
    Column("remaining", Numeric(19, 4)),
    Column("remaining_base", Numeric(19, 4)),
    Column("is_open", Boolean),
    Column("closed_date", Date),
    Column("external_no", Text),
    Column("description", Text),
    Column("reversed", Boolean),
    Column("dispute_reason", Text),
    Column("promised_date", Date),
    Column("method", Text),
    Column("source_modified_at", TS),
    Column("record_id", UUID(as_uuid=True)),
    Column("record_kind", Text),
    schema=ENGINE,
)
"""What the ledger last said, one row an entry: documents and payments are read from it together with the ERP's own documents."""
Index("pk_ledger_entry", ledger_entry.c.source, ledger_entry.c.entry_no, unique=True)
Index("ix_ledger_entry_document", ledger_entry.c.source, ledger_entry.c.document_no)
Index("ix_ledger_entry_key", ledger_entry.c.source, ledger_entry.c.key)
Index("ix_ledger_entry_record", ledger_entry.c.record_id)
Index("ix_ledger_entry_homeless", ledger_entry.c.source, postgresql_where=ledger_entry.c.record_id.is_(None))

offer = Table(
    "offer",
    metadata,
    Column("source", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
    Column("fields", ARRAY(Text), nullable=False, server_default="{}"),
    now_column("since"),
    Column("gone_since", TS),
    Column("why", Text),
    schema=ENGINE,
)
"""What a source offered when it was last looked at. `kind`: company (value: its id), route, entity (value: its canonical kind), doubt (the same, of
one that was silent whenever it was asked for)."""
unresolved_reference = Table(
    "unresolved_reference",
    metadata,
    Column("document_id", UUID(as_uuid=True), primary_key=True),
    Column("source", Text, nullable=False),
    Column("owner", Text),
    Column("terms", Text),
    schema=ENGINE,
)
"""Documents that name what nobody knows yet, a row a document. `owner`: what calls the owner, `terms`: the key of the terms; null where it is known."""
outbox = Table(
    "outbox",
    metadata,
    Column("outbox_id", BigInteger, Identity(), primary_key=True),
    Column("source", Text, nullable=False),
    Column("entity", Text, nullable=False),
    Column("canonical_id", UUID(as_uuid=True), nullable=False),
    Column("external_id", Text, nullable=False),
    Column("wanted", JSONB, nullable=False),
    Column("base_version", Text),
    Column("state", Text, nullable=False),
    Column("answer", Text),
    now_column("made_at"),
    Column("changed_at", TS),
    Column("strategy", Text, nullable=False),
    Column("idempotency_key", UUID(as_uuid=True), nullable=False, server_default=text("gen_random_uuid()")),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("decided_by", Text),
    Column("sent_at", TS),
    Column("settled_at", TS),
    Index(
        "uq_outbox_living",
        "source",
        "entity",
        "external_id",
        "strategy",
        unique=True,
        postgresql_where=text("settled_at IS NULL"),
    ),
    Index("ix_outbox_canonical_id", "canonical_id"),
    schema=ENGINE,
)
"""`state` is pending, approved, unknown, delivered, refused or superseded; a row that is settled is history."""
turn_publish = Table("turn_publish", metadata, schema=ENGINE)
turn_change_feed = Table("turn_change_feed", metadata, schema=ENGINE)
turn_staging = Table("turn_staging", metadata, schema=ENGINE)
"""Never a row: who locks one of these has the turn (`sync_engine.store.locks`)."""
access_grant = Table(
    "access_grant",
    metadata,
    Column("grant_id", BigInteger, Identity(), primary_key=True),
    Column("login", Text, nullable=False),
    Column("company", Text),
    Column("granted_by", Text, nullable=False),
    now_column("granted_at"),
    Column("revoked_by", Text),
    Column("revoked_at", TS),
    schema=ENGINE,
)
"""Which logins (or roles they belong to) read which company, null: every one. Rows stay when they are revoked: the first closes the store."""
alert = Table(
    "alert",
    metadata,
    Column("source", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("state", Text, nullable=False),
    now_column("since"),
    schema=ENGINE,
)
"""What people were last told about a source; no row: that nothing is wrong, or nothing yet."""
call_budget = Table(
    "call_budget",
    metadata,
    Column("login", Text, primary_key=True),
    Column("state", LargeBinary, nullable=False),
    schema=ENGINE,
    prefixes=["UNLOGGED"],
)
"""The calls of a login (a digest) in the last window, as the toolkit packs them: where several machines use one database."""
call_place = Table(
    "call_place",
    metadata,
    Column("login", Text, primary_key=True),
    Column("place", SmallInteger, primary_key=True),
    schema=ENGINE,
    prefixes=["UNLOGGED"],
)
"""Places for calls at once: whoever locks a row holds one."""
audit_seal = Table(
    "audit_seal",
    metadata,
    Column("seal_id", BigInteger, Identity(), primary_key=True),
    Column("first_seq", BigInteger, nullable=False),
    Column("last_seq", BigInteger, nullable=False, unique=True),
    Column("changes", Integer, nullable=False),
    Column("previous", LargeBinary),
    Column("digest", LargeBinary, nullable=False),
    now_column("sealed_at"),
    schema=ENGINE,
)
"""One link of the audit's hash chain a transaction: sha256 over the previous seal and the changes in between."""
