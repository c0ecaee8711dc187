"""Tables of what people decided, and of what waits for them: links, plans, policy, pins, groups, imports."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Identity,
    Integer,
    Table,
    Text,
)
from sqlalchemy.dialects.postgresql import JSONB, UUID

from sync_engine.store.schema.engine import ENGINE, TS, metadata, now_column

link_rule = Table(
    "link_rule",
    metadata,
    Column("rule_id", BigInteger, Identity(), primary_key=True),
    Column("source", Text, nullable=False),
    Column("entity", Text, nullable=False),
    Column("mode", Text, nullable=False),
    Column("rungs", JSONB, nullable=False),
    now_column("decided_at"),
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
    now_column("decided_at"),
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
    now_column("made_at"),
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
    now_column("first_at"),
    now_column("last_at"),
    schema=ENGINE,
)
"""Records the ladder left to people: ambiguous ones, and those it went past something that a veto forbade."""


policy = Table(
    "policy",
    metadata,
    Column("policy_id", BigInteger, Identity(), primary_key=True),
    Column("digest", Text, nullable=False),
    Column("policy", JSONB, nullable=False),
    now_column("applied_at"),
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
    now_column("pinned_at"),
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
    now_column("joined_at"),
    schema=ENGINE,
)


tag = Table(
    "tag",
    metadata,
    Column("owner_table", Text, primary_key=True),
    Column("owner_id", UUID(as_uuid=True), primary_key=True),
    Column("name", Text, primary_key=True),
    Column("origin", Text, primary_key=True),
    now_column("first_seen_at"),
    schema=ENGINE,
)


parent_circle = Table(
    "parent_circle", metadata, Column("debtor_id", UUID(as_uuid=True), primary_key=True), schema=ENGINE
)
"""Debtors whose parent is not believed, since it would close a circle: every fold looks at them again."""


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
    now_column("done_at"),
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
    now_column("changed_at"),
    schema=ENGINE,
)
"""What a collections team says about a document (promise, dispute, status) beside what its one master last said itself (`own`)."""
