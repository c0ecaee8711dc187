"""A field of the debtor as portfolios: the engine makes the dimension that a source without one lacks, `portfolio: {field: country}`.

The dimension's code is `field:country`. Its values are what the field has held, and of `owner_code` every account owner of the source,
whether somebody's or not. From there on it is a dimension like another: portfolios, members and archiving know no difference.
"""

from __future__ import annotations

from sync_engine.store.publishing.cut import Cut, id_sql, merge_into

FIELD = "field:"
"""What the code of such a dimension begins with; no source's own codes do."""
OWNER = "owner_code"
CUSTOM = "custom."


def chosen_field(dimension: str | None) -> str | None:
    """The field behind a dimension's code; None where it is one of the source's own."""
    return dimension.removeprefix(FIELD) if dimension is not None and dimension.startswith(FIELD) else None


def _key(field: str) -> str:
    """The external id of the dimension that is made of a field; its values' begin with it."""
    return f"field/{field}"


def said(field: str, record: str = "r") -> str:
    """What a source record claims for the field, as SQL text; blank is null. The name is checked where the YAML is read."""
    path = f"-> 'custom' ->> '{field.removeprefix(CUSTOM)}'" if field.startswith(CUSTOM) else f"->> '{field}'"
    return f"nullif({record}.claim {path}, '')"


def publish(cut: Cut) -> None:
    """The dimension, if it is new, and the values seen since the last cut."""
    field = chosen_field(cut.portfolio_dimension)
    if field is None:
        return
    known = cut.exists(
        "SELECT FROM canonical.dimension WHERE source = :source AND external_id = :key", key=_key(field)
    )
    if not known:
        cut.sql(
            f"""
            CREATE TEMP TABLE incoming_field_dimension ON COMMIT DROP AS
            SELECT {id_sql("dimension", "CAST(:key AS text)")} AS id, CAST(:source AS text) AS source, CAST(:key AS text) AS external_id,
                   CAST(:code AS text) AS code, CAST(:field AS text) AS name, 'field' AS kind
            """,
            key=_key(field),
            code=cut.portfolio_dimension,
            field=field,
        )
        merge_into(
            cut,
            "dimension",
            "incoming_field_dimension",
            ("source", "external_id", "code", "name", "kind"),
            actor_kind="workflow",
        )
    cut.sql(
        f"""
        CREATE TEMP TABLE incoming_field_value ON COMMIT DROP AS
        SELECT {id_sql("dimension_value", "CAST(:key AS text) || '/' || x.value")} AS id, CAST(:source AS text) AS source,
               CAST(:key AS text) || '/' || x.value AS external_id, x.value AS external_no, {id_sql("dimension", "CAST(:key AS text)")} AS dimension_id,
               x.value AS code, coalesce(max(x.name), x.value) AS name, false AS blocked, false AS is_heading
        FROM ({_seen(field)}) x WHERE x.value IS NOT NULL GROUP BY x.value
        """,
        key=_key(field),
        everything=not known,
    )
    merge_into(
        cut,
        "dimension_value",
        "incoming_field_value",
        (
            "source",
            "external_id",
            "external_no",
            "dimension_id",
            "code",
            "name",
            "blocked",
            "is_heading",
        ),
        actor_kind="workflow",
    )


def _seen(field: str) -> str:
    """Values and their names: of account owners all that there are."""
    claimed = f"""
        SELECT {said(field)} AS value, CAST(NULL AS text) AS name FROM engine.source_record r JOIN engine.stream s USING (stream_id)
        WHERE s.source = :source AND s.canonical = 'debtor' AND r.claim IS NOT NULL AND r.deleted_at IS NULL AND (r.dirty OR :everything)"""
    if field != OWNER:
        return claimed
    return f"""
        SELECT c.value, o.name FROM ({claimed}) c
        LEFT JOIN canonical.account_owner o ON o.source = :source AND o.number = c.value AND o.deleted_at IS NULL
        UNION ALL SELECT number, name FROM canonical.account_owner WHERE source = :source AND deleted_at IS NULL"""


def members(cut: Cut) -> str:
    """SELECT of rows for `incoming_debtor_dimension`: the dirty debtors of the source and what their records, facets too, hold in the field."""
    field = chosen_field(cut.portfolio_dimension)
    if field is None:
        return ""
    key = "coalesce(r.about, r.key)"
    value = f"max({said(field)})"
    dimension = f"'{_key(field)}'"
    return f"""
        UNION ALL
        SELECT {id_sql("debtor_dimension", f"'member/' || {key} || '/' || {dimension}")}, s.source, 'member/' || {key} || '/' || {dimension},
               CASE WHEN bool_and(r.deleted_at IS NOT NULL) THEN max(r.deleted_at) END, l.canonical_id, {key},
               {id_sql("dimension", dimension)},
               CASE WHEN {value} IS NOT NULL THEN {id_sql("dimension_value", f"{dimension} || '/' || {value}")} END
        FROM dirty_debtor y JOIN canonical.link l ON l.entity = 'debtor' AND l.source = :source AND l.canonical_id = y.id
        JOIN engine.stream s ON s.source = l.source AND s.canonical = 'debtor'
        CROSS JOIN LATERAL (
            SELECT * FROM engine.source_record m WHERE m.stream_id = s.stream_id AND m.key = l.external_id AND m.about IS NULL
            UNION ALL SELECT * FROM engine.source_record a WHERE a.stream_id = s.stream_id AND a.about = l.external_id) r
        WHERE r.state = 0 AND r.claim IS NOT NULL
        GROUP BY s.source, {key}, l.canonical_id"""
