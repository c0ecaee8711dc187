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


def _now(name: str) -> Column[Any]:
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
    _now("registered_at"),
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
    _now("landed_at"),
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
    _now("first_seen_at"),
    _now("changed_at"),
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
    _now("first_at"),
    _now("last_at"),
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
    _now("first_at"),
    _now("last_at"),
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
    _now("held_at"),
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
    _now("started_at"),
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
    _now("finished_at"),
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
    _now("since"),
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
link_rule = Table(
    "link_rule",
    metadata,
    Column("rule_id", BigInteger, Identity(), primary_key=True),
    Column("source", Text, nullable=False),
    Column("entity", Text, nullable=False),
    Column("mode", Text, nullable=False),
    Column("rungs", JSONB, nullable=False),
    _now("decided_at"),
    Column("decided_by", Text),
    schema=ENGINE,
)
negative_link = Table(
    "negative_link",
    metadata,
    Column("entity", Text, primary_key=True),
    Column("canonical_id", UUID(as_uuid=True), primary_key=True),
    Column("source", Text, primary_key=True),
    Column("external_id", Text, primary_key=True),
    _now("decided_at"),
    Column("decided_by", Text),
    Column("reason", Text),
    schema=ENGINE,
)
link_plan = Table(
    "link_plan",
    metadata,
    Column("plan_hash", Text, primary_key=True),
    Column("operation", JSONB, nullable=False),
    Column("plan", JSONB, nullable=False),
    _now("made_at"),
    Column("made_by", Text),
    Column("applied_at", TS),
    Column("applied_by", Text),
    Column("base", Text, nullable=False),
    Column("place", BigInteger),
    Column("edits", JSONB),
    Column("reason", Text),
    Column("undone_by", Text),
    schema=ENGINE,
)
"""`plan`: the effects as they were shown. `edits`: the decision rows an application replaced, before and after, which undo puts
back; `place` orders applications."""
link_case = Table(
    "link_case",
    metadata,
    Column("entity", Text, primary_key=True),
    Column("source", Text, primary_key=True),
    Column("external_id", Text, primary_key=True),
    Column("outcome", Text, nullable=False),
    Column("rung", Text),
    Column("candidates", JSONB, nullable=False),
    Column("evidence", JSONB),
    Column("vetoed", JSONB),
    _now("first_at"),
    _now("last_at"),
    schema=ENGINE,
)
"""Records the ladder left to people: ambiguous ones, and those it went past something that a veto forbade."""
policy = Table(
    "policy",
    metadata,
    Column("policy_id", BigInteger, Identity(), primary_key=True),
    Column("digest", Text, nullable=False),
    Column("policy", JSONB, nullable=False),
    _now("applied_at"),
    Column("applied_by", Text, nullable=False),
    schema=ENGINE,
)
"""The ownership policies that were in force, the last one now."""
pin = Table(
    "pin",
    metadata,
    Column("entity", Text, primary_key=True),
    Column("canonical_id", UUID(as_uuid=True), primary_key=True),
    Column("field", Text, primary_key=True),
    Column("value", JSONB),
    Column("until", Text),
    Column("while_claimed", JSONB),
    Column("pinned_by", Text, nullable=False),
    _now("pinned_at"),
    Column("reason", Text),
    Column("ended_at", TS),
    schema=ENGINE,
)
"""What a person set, on the record it was said about: views `engine.pin_here`, `member_here` and `tag_here` say where it counts after merges.
`while_claimed`: source -> key -> what it said then; one other word and the pin has ended for good, as after its last day."""
group_member = Table(
    "group_member",
    metadata,
    Column("debtor_id", UUID(as_uuid=True), primary_key=True),
    Column("group_id", UUID(as_uuid=True), nullable=False, index=True),
    _now("joined_at"),
    schema=ENGINE,
)
tag = Table(
    "tag",
    metadata,
    Column("owner_table", Text, primary_key=True),
    Column("owner_id", UUID(as_uuid=True), primary_key=True),
    Column("name", Text, primary_key=True),
    Column("origin", Text, primary_key=True),
    _now("first_seen_at"),
    schema=ENGINE,
)
parent_circle = Table(
    "parent_circle", metadata, Column("debtor_id", UUID(as_uuid=True), primary_key=True), schema=ENGINE
)
"""Debtors whose parent is not believed, since it would close a circle: every fold looks at them again."""
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
    _now("made_at"),
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
suppression = Table(
    "suppression",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("entity", Text, nullable=False),
    _now("made_at"),
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
    _now("done_at"),
    schema=ENGINE,
)
"""Who was erased, by id, how much of what, by whom and why. `files`: landed files that were replaced and are still to be removed."""
access_grant = Table(
    "access_grant",
    metadata,
    Column("grant_id", BigInteger, Identity(), primary_key=True),
    Column("login", Text, nullable=False),
    Column("company", Text),
    Column("granted_by", Text, nullable=False),
    _now("granted_at"),
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
    _now("since"),
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
    _now("sealed_at"),
    schema=ENGINE,
)
"""One link of the audit's hash chain a transaction: sha256 over the previous seal and the changes in between."""
import_ = Table(
    "import",
    metadata,
    Column("import_id", BigInteger, Identity(), primary_key=True),
    Column("kind", Text, nullable=False),
    Column("file", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("read", Integer, nullable=False),
    Column("applied", Integer, nullable=False),
    Column("unchanged", Integer, nullable=False),
    Column("refused", Integer, nullable=False),
    Column("done_by", Text, nullable=False),
    _now("done_at"),
    Column("reason", Text),
    Column("undone_by", Text),
    Column("undone_at", TS),
    schema=ENGINE,
)
"""The one-time imports people made. read = applied + unchanged + refused, always."""
import_edit = Table(
    "import_edit",
    metadata,
    Column("import_id", BigInteger, primary_key=True),
    Column("place", Integer, primary_key=True),
    Column("line", Integer, nullable=False),
    Column("what", Text, nullable=False),
    Column("entity", Text, nullable=False),
    Column("record_id", UUID(as_uuid=True), nullable=False),
    Column("field", Text, nullable=False),
    Column("before", JSONB),
    Column("after", JSONB),
    Column("undone_at", TS),
    schema=ENGINE,
)
"""What an import decided, one row a decision, with what was there before: what undo puts back, and when it did. `what`: pin, tag, person, position."""
document_overlay = Table(
    "document_overlay",
    metadata,
    Column("document_id", UUID(as_uuid=True), primary_key=True),
    Column("claims", JSONB, nullable=False),
    Column("own", JSONB, nullable=False),
    _now("changed_at"),
    schema=ENGINE,
)
"""What a collections team says about a document (promise, dispute, status) beside what its one master last said itself (`own`)."""
