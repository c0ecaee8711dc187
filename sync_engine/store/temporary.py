"""The temporary tables that several modules share: their columns, who fills them and who reads them; a table of one module's own stays there.

All end with their transaction. `filled_by` and `read_by` name modules of `sync_engine`; a module that fills a table may read it too.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TemporaryTable:
    """A declaration; `create` and `create_as` give the statement that makes the table."""

    name: str
    columns: str
    """As in SQL: with their types; names alone, where a query gives the types."""
    filled_by: tuple[str, ...]
    """Modules that make it, put rows into it, change or delete them."""
    read_by: tuple[str, ...] = ()

    def create(self, *, unless_there: bool = False) -> str:
        """An empty table."""
        return f"CREATE TEMP TABLE {'IF NOT EXISTS ' if unless_there else ''}{self.name} ({self.columns}) ON COMMIT DROP"

    def create_as(self, query: str) -> str:
        """A table with the rows of a query, whose columns are named as declared, in this order."""
        return f"CREATE TEMP TABLE {self.name} ({self.columns}) ON COMMIT DROP AS {query}"


CHANGE_NEW = TemporaryTable(
    "change_new",
    "place bigint GENERATED ALWAYS AS IDENTITY, entity text, record_id uuid, op text, field text, old jsonb, new jsonb, "
    "actor_kind text, actor text, reason text, login text",
    filled_by=(
        "store.change_feed.changes",
        "store.decisions.plans",
        "store.erasure",
        "store.imports.apply",
        "store.imports.reversal",
        "store.landing.offers",
        "store.publishing.cut",
        "store.publishing.inbox",
        "store.publishing.joined",
        "store.publishing.new_links",
        "store.publishing.policy",
    ),
    read_by=(
        "store.publishing.code_lists",
        "store.publishing.debtors",
        "store.publishing.unresolved",
        "store.publishing.waiting",
    ),
)
"""What this transaction changes, until it is appended to the change feed."""

DIRTY_DEBTOR = TemporaryTable(
    "dirty_debtor",
    "id uuid PRIMARY KEY, place bigint",
    filled_by=(
        "store.publishing.code_lists",
        "store.publishing.debtors",
        "store.publishing.inbox",
        "store.publishing.owners",
        "store.publishing.parents",
        "store.publishing.refold",
    ),
    read_by=("store.publishing.belongings", "store.publishing.field_portfolios", "store.publishing.joined"),
)
"""Debtors that this cut folds again; `place` numbers them from 1 when all are known."""

DIRTY_CONTACT = TemporaryTable(
    "dirty_contact",
    "id uuid PRIMARY KEY, place bigint",
    filled_by=("ops.policy", "store.publishing.contacts"),
    read_by=("store.publishing.primary_contacts",),
)
"""Contacts that this cut folds again."""

OTHER_CONTACT = TemporaryTable(
    "other_contact",
    "id uuid PRIMARY KEY, place bigint",
    filled_by=("store.publishing.primary_contacts",),
    read_by=("store.publishing.contacts",),
)
"""Contacts that did not change and are folded too, since they were or become the primary one."""

DEBTOR_OF_CONTACT = TemporaryTable(
    "debtor_of_contact",
    "source text, contact_key text, debtor_key text, debtor_id uuid",
    filled_by=("store.publishing.contacts",),
    read_by=("store.publishing.new_links", "store.publishing.parties"),
)
"""The debtor each contact belongs to, as its source names it and as it is linked."""

INCOMING_DEBTOR = TemporaryTable(
    "incoming_debtor",
    "LIKE canonical.debtor",
    filled_by=("store.publishing.debtors", "store.publishing.owners", "store.publishing.parents"),
)
"""Debtors as folded, before they are merged."""

INCOMING_CONTACT = TemporaryTable(
    "incoming_contact",
    "LIKE canonical.contact",
    filled_by=("store.publishing.contacts", "store.publishing.primary_contacts"),
)
"""Contacts as folded, before they are merged."""

INCOMING_DOCUMENT = TemporaryTable(
    "incoming_document",
    "LIKE canonical.document, is_posted boolean",
    filled_by=(
        "store.publishing.document_overrides",
        "store.publishing.documents",
        "store.publishing.instalments",
        "store.publishing.keyed_payments",
        "store.publishing.ledger",
        "store.publishing.orphans",
        "store.publishing.unresolved",
    ),
)
"""Documents of this cut, completed step by step before they are merged."""

SPLIT_DOCUMENT = TemporaryTable(
    "split_document",
    "id uuid PRIMARY KEY",
    filled_by=("store.publishing.documents", "store.publishing.instalments"),
    read_by=("store.publishing.ledger",),
)
"""Documents of this cut that their ledger splits into several entries."""

HELD_RECORD = TemporaryTable(
    "held_record",
    "canonical text, key text, is_history boolean, reason text",
    filled_by=("store.publishing.orphans",),
    read_by=("store.publishing.documents",),
)
"""Payments and applications that name records nobody knows, and why each stays staged."""

HELD_DOCUMENT = TemporaryTable(
    "held_document",
    "key text PRIMARY KEY, state smallint, reason text, parent text, amount numeric, currency text",
    filled_by=("store.publishing.orphans",),
    read_by=("store.publishing.documents",),
)
"""Documents that this cut does not publish: the state and reason their records get."""

TOUCHED_ENTRY = TemporaryTable(
    "touched_entry",
    "entry_no text PRIMARY KEY",
    filled_by=(
        "store.publishing.ledger",
        "store.publishing.orphans",
    ),
    read_by=("store.publishing.settlements",),
)
"""Ledger entries that moved in this cut."""

RESOLVED_ENTRY = TemporaryTable(
    "resolved_entry",
    "entry_no, old_id, old_kind, document_id, total, currency, record_kind",
    filled_by=("store.publishing.instalments", "store.publishing.ledger"),
)
"""Which document or payment each touched entry speaks about, now and before."""

INCOMING_APPLICATION = TemporaryTable(
    "incoming_application",
    "id, source, external_id, from_kind, from_id, to_kind, to_id, amount, amount_base, currency, applied_on, reversed_on, is_reversed, deleted_at, "
    "from_entry, to_entry",
    filled_by=("store.publishing.settlements",),
    read_by=("store.publishing.orphans",),
)
"""Applications of this cut, before they are merged."""

FOUND_CASE = TemporaryTable(
    "found_case",
    "key text PRIMARY KEY, outcome text, rung text, candidates jsonb, evidence jsonb, vetoed jsonb",
    filled_by=("store.publishing.new_links",),
    read_by=("store.queries.review_queue",),
)
"""Records that a person must look at before they are linked."""

CONTROL_OPEN = TemporaryTable(
    "control_open",
    "id, external_id, external_no, entry_no, debtor_key, kind, currency, effect, effect_base, ages_from, whole, number",
    filled_by=("store.controls.context",),
    read_by=(
        "store.controls.balances",
        "store.controls.completeness",
    ),
)
"""Open items as of the cut, signed."""

CONTROL_LEDGER = TemporaryTable(
    "control_ledger",
    "entry_no, document_no, debtor_key, currency, remaining, remaining_base, record_id",
    filled_by=("store.controls.context",),
    read_by=("store.controls.balances",),
)
"""Open entries of the source's own ledger, as received."""

CONTROL_DIFFERING = TemporaryTable(
    "control_differing",
    "id, currency, settled, applied, is_unknown",
    filled_by=("store.controls.settlement",),
    read_by=("store.controls.completeness",),
)
"""Records whose settled amount is not what is applied, per currency."""

IMPORT_ROW = TemporaryTable(
    "import_row",
    "line int PRIMARY KEY, customer text, email text, value text, invoice text, first_name text, last_name text, phone text, position text, "
    "what text, bad_column text, todo text, same_as int, debtor_id uuid, target_id uuid, label text, before text, after text, outcome text",
    filled_by=(
        "store.imports.group_rows",
        "store.imports.kinds",
        "store.imports.person_rows",
        "store.imports.rows",
        "store.imports.steps",
    ),
)
"""The rows of an imported file and what came of each."""

IMPORT_EFFECT = TemporaryTable(
    "import_effect",
    "line int, what text, entity text, record_id uuid, field text, value jsonb, is_there boolean NOT NULL DEFAULT false",
    filled_by=(
        "store.imports.group_rows",
        "store.imports.kinds",
        "store.imports.person_rows",
        "store.imports.steps",
    ),
    read_by=("store.imports.apply",),
)
"""What the rows ask for, a field each, and whether it already is so."""

IMPORT_PERSON = TemporaryTable(
    "import_person",
    "line int PRIMARY KEY, debtor_id uuid, key text, id uuid, claim jsonb",
    filled_by=(
        "store.imports.kinds",
        "store.imports.person_rows",
    ),
    read_by=("store.imports.apply",),
)
"""Contacts that an import makes."""

SHARED = tuple(value for value in globals().copy().values() if isinstance(value, TemporaryTable))

MOVED_RECORD = TemporaryTable(
    "moved_record",
    "source text, key text, old uuid, new uuid",
    filled_by=("store.publishing.refold",),
    read_by=("store.publishing.belongings",),
)
"""Records of debtors that mean another debtor by now, and which they meant; null is none."""
