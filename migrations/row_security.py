"""Who reads which rows of `canonical`: one policy for each table, made again with the views, which they ask and which ask them.

A reader of whom nothing is restricted pays for a look at an empty table. Owners and superusers are asked nothing: the engine's own runs
are as fast as without. Views of `canonical` run as who asks (security_invoker), so tables decide; the few that read `engine` too run as
their owner, and filter by the same functions.
"""

from __future__ import annotations

POLICY = "by_company"
VISIBLE = "(SELECT engine.visible_sources(current_user))"
EVERYTHING = f"{VISIBLE} IS NULL"
OF_SOURCE = f"coalesce(source = ANY(CAST({VISIBLE} AS text[])), true)"
"""True where nothing is restricted. Written so that the planner expects half of the rows, not one in two hundred."""
OF_NO_COMPANY = "source = ANY(CAST((SELECT engine.sources_of_no_company()) AS text[]))"
DEBTORS = "(SELECT engine.visible_debtors(current_user))"
CONTACTS = "(SELECT engine.visible_contacts(current_user))"


def _there(table: str, column: str) -> str:
    return f"EXISTS (SELECT FROM canonical.{table} x WHERE x.id = {column})"


def _by_debtor(column: str) -> str:
    return f"{OF_SOURCE} OR ({OF_NO_COMPANY} AND {column} IN {DEBTORS})"


_BY_SOURCE = ("account_owner", "dimension", "dimension_value", "fx_rate", "reference", "portfolio")
_RECORDS = (
    *_BY_SOURCE,
    *("activity", "address", "application", "attachment", "company", "contact", "debtor", "debtor_dimension"),
    *("debtor_group", "document", "instalment", "payment"),
)
_LINKED = "CAST(coalesce(new, old) ->> 'canonical_id' AS uuid)"
_PARTY = f"CASE entity WHEN 'debtor' THEN {{0}} IN {DEBTORS} WHEN 'contact' THEN {{0}} IN {CONTACTS} ELSE {{1}} END"
_OWNED = " ".join(
    f"WHEN '{table}' THEN {_there(table, '{0}')}"
    for table in ("debtor", "contact", "document", "payment", "activity")
)

RULES: dict[str, str] = {
    **dict.fromkeys(_BY_SOURCE, f"{OF_SOURCE} OR {OF_NO_COMPANY}"),
    **dict.fromkeys(("company", "cut"), OF_SOURCE),
    **{
        table: _by_debtor("debtor_id")
        for table in ("activity", "address", "debtor_dimension", "document", "payment")
    },
    "attachment": f"{OF_SOURCE} OR ({OF_NO_COMPANY} AND CASE owner_table {_OWNED.format('owner_id')} ELSE false END)",
    "instalment": f"{OF_SOURCE} OR {_there('document', 'document_id')}",
    "application": f"{OF_SOURCE} OR {_there('document', 'to_id')} OR {_there('payment', 'to_id')}",
    "document_line": f"{EVERYTHING} OR {_there('document', 'document_id')}",
    "certificate": f"{EVERYTHING} OR EXISTS (SELECT FROM canonical.cut x WHERE x.cut_id = certificate.cut_id)",
    "debtor": f"{EVERYTHING} OR id IN {DEBTORS}",
    "contact": f"{EVERYTHING} OR id IN {CONTACTS}",
    "debtor_group": f"{EVERYTHING} OR EXISTS (SELECT FROM canonical.debtor x WHERE x.group_id = debtor_group.id)",
    "link": f"{OF_SOURCE} OR ({OF_NO_COMPANY} AND {_PARTY.format('canonical_id', 'false')})",
    "overruled": f"{OF_SOURCE} OR ({OF_NO_COMPANY} AND {_PARTY.format('record_id', _there('document', 'record_id'))})",
    "tag": f"{EVERYTHING} OR CASE owner_table {_OWNED.format('owner_id')} ELSE false END",
    "claim_inbox": f"{EVERYTHING} OR {_PARTY.format('record_id', _there('document', 'record_id'))}",
    "change": f"{EVERYTHING} OR CASE entity "
    + " ".join(f"WHEN '{table}' THEN {_there(table, 'record_id')}" for table in _RECORDS)
    + f" WHEN 'link' THEN {_LINKED} IN {DEBTORS} OR {_LINKED} IN {CONTACTS} ELSE false END",
}
"""Table -> what a row must be to be seen. A row of a source that keeps no company's books (a CRM) is seen with its debtor."""
OF_EVERYBODY = frozenset({"ageing_bucket", "contact_position"})
"""Tables that say nothing about any company or person."""


def statements_to_drop() -> str:
    """Policies stand on functions, which are dropped with the views: they go first. Until they are made again, readers see nothing."""
    return "".join(f"DROP POLICY IF EXISTS {POLICY} ON canonical.{table};\n" for table in sorted(RULES))


def statements_to_create() -> str:
    """One policy a table, for reading and, in the inbox, for writing alike."""
    return "".join(
        f"ALTER TABLE canonical.{table} ENABLE ROW LEVEL SECURITY;\nCREATE POLICY {POLICY} ON canonical.{table} USING ({rule});\n"
        for table, rule in sorted(RULES.items())
    )
