"""Publishes what has one master and is small: company, owners, references, dimensions, their values, portfolios."""

from __future__ import annotations

from sync_engine.errors import ConfigurationError
from sync_engine.store.publishing import field_portfolios
from sync_engine.store.publishing.cut import Cut, id_sql, merge_into

MEMBERSHIP = "'member/' || r.key || '/' || m.key"
"""What keys the membership that a debtor's record r names: m is dimension -> value."""


def publish_code_lists(cut: Cut) -> None:
    """Everything debtors refer to, parents first. Raises ConfigurationError when the chosen portfolio dimension does not exist."""
    waiting = cut.dirty_kinds()
    if "company" in waiting:
        _company(cut)
    if "account_owner" in waiting:
        _from_claims(
            cut,
            "account_owner",
            ("name", "email", "number", "external_number"),
            external_no="r.claim ->> 'number'",
        )
    if "reference" in waiting:
        _references(cut)
    if "fx_rate" in waiting or base_currency_is_new(cut):
        _rates(cut)
    if "dimension" in waiting:
        _from_claims(cut, "dimension", ("code", "name", "kind"), external_no="r.claim ->> 'code'")
    if waiting & {"dimension", "dimension_value"}:
        _dimension_values(cut)
    field_portfolios.publish(cut)
    _portfolios(cut)


def base_currency_is_new(cut: Cut) -> bool:
    """Whether this cut is the first to know the company's base currency, or knows another one: all that is blank means it."""
    return cut.exists(
        "SELECT FROM change_new WHERE entity = 'company' AND (op = 'create' OR field = 'base_currency')"
    )


def _from_claims(cut: Cut, entity: str, columns: tuple[str, ...], *, external_no: str) -> None:
    listed = ", ".join(f"r.claim ->> '{c}' AS {c}" for c in columns)
    cut.sql(f"""
        CREATE TEMP TABLE incoming_{entity} ON COMMIT DROP AS
        SELECT {id_sql(entity, "r.key")} AS id, s.source, r.key AS external_id, {external_no} AS external_no, r.deleted_at,
               CAST(r.claim ->> 'source_modified_at' AS timestamptz) AS source_modified_at, {listed}
        FROM engine.source_record r JOIN engine.stream s USING (stream_id)
        WHERE s.source = :source AND s.canonical = '{entity}' AND NOT s.facet AND r.claim IS NOT NULL AND r.dirty AND r.state <> 1
        """)
    merge_into(
        cut,
        entity,
        f"incoming_{entity}",
        ("source", "external_id", "external_no", "deleted_at", "source_modified_at", *columns),
    )


def _company(cut: Cut) -> None:
    """One company a source: all its company claims laid over each other, the defining stream last so that it wins."""
    cut.sql(f"""
        CREATE TEMP TABLE incoming_company ON COMMIT DROP AS
        SELECT {id_sql("company", "CAST('company' AS text)")} AS id, CAST(:source AS text) AS source, CAST('company' AS text) AS external_id,
               c.claim ->> 'name' AS name, upper(c.claim ->> 'base_currency') AS base_currency, c.claim ->> 'country' AS country,
               c.claim ->> 'registration_no' AS registration_no, c.claim ->> 'vat_no' AS vat_no
        FROM (SELECT jsonb_object_agg(f.key, f.value ORDER BY s.facet DESC, s.rank DESC) AS claim
              FROM engine.source_record r JOIN engine.stream s USING (stream_id) CROSS JOIN jsonb_each(r.claim) f
              WHERE s.source = :source AND s.canonical = 'company' AND r.claim IS NOT NULL AND r.deleted_at IS NULL AND f.value <> 'null') c
        WHERE c.claim IS NOT NULL
        """)
    merge_into(
        cut,
        "company",
        "incoming_company",
        ("source", "external_id", "name", "base_currency", "country", "registration_no", "vat_no"),
    )


def _references(cut: Cut) -> None:
    cut.sql(f"""
        CREATE TEMP TABLE incoming_reference ON COMMIT DROP AS
        SELECT {id_sql("reference", "coalesce(r.claim ->> 'kind', s.entity) || '/' || r.key")} AS id, s.source, coalesce(r.claim ->> 'kind',
            s.entity) || '/' || r.key AS external_id, r.claim ->> 'code' AS external_no, r.deleted_at,
               coalesce(r.claim ->> 'kind', s.entity) AS kind, r.claim ->> 'code' AS code, r.claim ->> 'name' AS name, r.claim -> 'attributes' AS attributes
        FROM engine.source_record r JOIN engine.stream s USING (stream_id)
        WHERE s.source = :source AND s.canonical = 'reference' AND r.claim IS NOT NULL AND r.dirty AND r.state <> 1
        """)
    merge_into(
        cut,
        "reference",
        "incoming_reference",
        ("source", "external_id", "external_no", "deleted_at", "kind", "code", "name", "attributes"),
    )


def _rates(cut: Cut) -> None:
    """Exchange rates, for display: one unit of `from_currency`; a rate that names no other currency is one to the base currency."""
    cut.sql(
        f"""
        CREATE TEMP TABLE incoming_fx_rate ON COMMIT DROP AS
        SELECT {id_sql("fx_rate", "r.key")} AS id, s.source, r.key AS external_id, r.deleted_at, r.claim ->> 'from' AS from_currency,
               coalesce(r.claim ->> 'to', c.base_currency) AS to_currency, CAST(r.claim ->> 'date' AS date) AS rate_date,
               CAST(r.claim ->> 'rate' AS numeric) AS rate, r.claim ->> 'basis' AS basis
        FROM engine.source_record r JOIN engine.stream s USING (stream_id) LEFT JOIN canonical.company c ON c.source = s.source
        WHERE s.source = :source AND s.canonical = 'fx_rate' AND NOT s.facet AND r.claim IS NOT NULL AND r.state <> 1
          AND (r.dirty OR :everything)
        """,
        everything=base_currency_is_new(cut),
    )
    merge_into(
        cut,
        "fx_rate",
        "incoming_fx_rate",
        ("source", "external_id", "deleted_at", "from_currency", "to_currency", "rate_date", "rate", "basis"),
    )


def _dimension_values(cut: Cut) -> None:
    """Values by the ERP's id; type and blocking come from a facet keyed `<dimension code>|<value code>` where the ERP offers one."""
    cut.sql(f"""
        CREATE TEMP TABLE incoming_dimension_value ON COMMIT DROP AS
        WITH facet AS (
            SELECT r.key, r.claim, r.dirty FROM engine.source_record r JOIN engine.stream s USING (stream_id)
            WHERE s.source = :source AND s.canonical = 'dimension_value' AND s.facet AND r.claim IS NOT NULL AND r.deleted_at IS NULL)
        SELECT {id_sql("dimension_value", "r.key")} AS id, s.source, r.key AS external_id, r.claim ->> 'code' AS external_no, r.deleted_at,
               d.id AS dimension_id, r.claim ->> 'code' AS code, r.claim ->> 'name' AS name,
               CASE WHEN r.claim ->> 'parent_key' IS NOT NULL THEN {id_sql("dimension_value", "(r.claim ->> 'parent_key')")} END AS parent_id,
               coalesce(CAST(r.claim ->> 'blocked' AS boolean), CAST(f.claim ->> 'blocked' AS boolean), false) AS blocked,
               coalesce(CAST(r.claim ->> 'is_heading' AS boolean), CAST(f.claim ->> 'is_heading' AS boolean), false) AS is_heading
        FROM engine.source_record r JOIN engine.stream s USING (stream_id)
        LEFT JOIN canonical.dimension d ON d.source = s.source AND d.external_id = r.claim ->> 'dimension_key'
        LEFT JOIN facet f ON f.key = d.code || '|' || (r.claim ->> 'code')
        WHERE s.source = :source AND s.canonical = 'dimension_value' AND NOT s.facet AND r.claim IS NOT NULL AND r.state <> 1
          AND (r.dirty OR f.dirty OR d.id IN (SELECT record_id FROM change_new WHERE entity = 'dimension'))
        """)
    merge_into(
        cut,
        "dimension_value",
        "incoming_dimension_value",
        (
            "source",
            "external_id",
            "external_no",
            "deleted_at",
            "dimension_id",
            "code",
            "name",
            "parent_id",
            "blocked",
            "is_heading",
        ),
    )


def _portfolios(cut: Cut) -> None:
    """One portfolio for every potential value of the chosen dimension, used or not; what is no value to choose any more archives its own."""
    if cut.portfolio_dimension is None:
        return
    codes = sorted(
        str(r[0])
        for r in cut.rows(
            "SELECT code FROM canonical.dimension WHERE source = :source AND deleted_at IS NULL AND code IS NOT NULL"
        )
    )
    if codes and cut.portfolio_dimension not in codes:
        raise ConfigurationError(
            f"there is no dimension {cut.portfolio_dimension!r}",
            whose=cut.source,
            key="portfolio.dimension",
            todo=f"The source has: {', '.join(codes)}. Correct the YAML; nothing was published.",
        )
    cut.sql(
        f"""
        CREATE TEMP TABLE incoming_portfolio ON COMMIT DROP AS
        SELECT {id_sql("portfolio", "v.external_id")} AS id, v.source, coalesce(v.name, v.code) AS name, v.code, v.code AS external_no,
            v.id AS dimension_value_id,
               CASE WHEN v.blocked OR v.is_heading OR v.deleted_at IS NOT NULL OR d.code <> :code THEN coalesce(p.archived_at, now()) END AS archived_at
        FROM canonical.dimension_value v JOIN canonical.dimension d ON d.id = v.dimension_id
        LEFT JOIN canonical.portfolio p ON p.dimension_value_id = v.id
        WHERE v.source = :source AND (p.id IS NOT NULL OR d.code = :code AND v.deleted_at IS NULL AND NOT v.is_heading)
        """,
        code=cut.portfolio_dimension,
    )
    merge_into(
        cut,
        "portfolio",
        "incoming_portfolio",
        ("source", "name", "code", "external_no", "dimension_value_id", "archived_at"),
        actor_kind="workflow",
    )


def publish_debtor_dimensions(cut: Cut) -> None:
    """The dimension values of debtors: of records of their own, and of the groups a debtor's own record names (its `memberships`).

    Debtors whose values changed are folded again. A membership is keyed `member/<debtor>/<dimension>`; one that its record no longer names is over.
    """
    cut.sql(f"""
        CREATE TEMP TABLE incoming_debtor_dimension ON COMMIT DROP AS
        SELECT {id_sql("debtor_dimension", "r.key")} AS id, s.source, r.key AS external_id, r.deleted_at, l.canonical_id AS debtor_id,
               r.claim ->> 'debtor_key' AS debtor_key, {id_sql("dimension", "(r.claim ->> 'dimension_key')")} AS dimension_id,
               CASE WHEN r.claim ->> 'dimension_value_key' IS NOT NULL
                   THEN {id_sql("dimension_value", "(r.claim ->> 'dimension_value_key')")} END AS dimension_value_id
        FROM engine.source_record r JOIN engine.stream s USING (stream_id)
        LEFT JOIN canonical.link l ON l.entity = 'debtor' AND l.source = s.source AND l.external_id = r.claim ->> 'debtor_key'
        WHERE s.source = :source AND s.canonical = 'debtor_dimension' AND NOT s.facet AND r.claim IS NOT NULL AND r.state = 0
          AND (r.dirty OR l.canonical_id IN (SELECT id FROM dirty_debtor))
        UNION ALL
        SELECT {id_sql("debtor_dimension", MEMBERSHIP)}, s.source, {MEMBERSHIP}, r.deleted_at, l.canonical_id, r.key,
               {id_sql("dimension", "m.key")}, CASE WHEN m.value IS NOT NULL THEN {id_sql("dimension_value", "m.value")} END
        FROM dirty_debtor y JOIN canonical.link l ON l.entity = 'debtor' AND l.source = :source AND l.canonical_id = y.id
        JOIN engine.stream s ON s.source = l.source AND s.canonical = 'debtor' AND NOT s.facet
        JOIN engine.source_record r ON r.stream_id = s.stream_id AND r.key = l.external_id AND r.state = 0
        CROSS JOIN jsonb_each_text(r.claim -> 'memberships') m
        {field_portfolios.members(cut)}
        """)
    cut.sql("""
        INSERT INTO incoming_debtor_dimension
        SELECT d.id, d.source, d.external_id, now(), d.debtor_id, d.debtor_key, d.dimension_id, d.dimension_value_id
        FROM dirty_debtor y JOIN canonical.debtor_dimension d ON d.debtor_id = y.id AND d.source = :source AND d.deleted_at IS NULL
        WHERE NOT EXISTS (SELECT FROM incoming_debtor_dimension n WHERE n.id = d.id)
          AND NOT EXISTS (SELECT FROM engine.stream s JOIN engine.source_record r USING (stream_id)
              WHERE s.source = d.source AND s.canonical = 'debtor_dimension' AND r.key = d.external_id)
        """)
    cut.sql("""
        INSERT INTO dirty_debtor SELECT debtor_id FROM incoming_debtor_dimension WHERE debtor_id IS NOT NULL
        UNION SELECT o.debtor_id FROM canonical.debtor_dimension o JOIN incoming_debtor_dimension n USING (id) WHERE o.debtor_id IS NOT NULL
        ON CONFLICT DO NOTHING
        """)
    cut.sql("""
        INSERT INTO dirty_debtor SELECT DISTINCT debtor_id FROM canonical.debtor_dimension WHERE debtor_id IS NOT NULL AND dimension_value_id IN (
            SELECT record_id FROM change_new WHERE entity = 'dimension_value' AND (op = 'create' OR field IN ('deleted_at', 'is_heading', 'dimension_id'))
            UNION ALL SELECT v.id FROM change_new c JOIN canonical.dimension_value v ON v.dimension_id = c.record_id
            WHERE c.entity = 'dimension' AND (c.op = 'create' OR c.field IN ('code', 'deleted_at')))
        ON CONFLICT DO NOTHING
        """)
    merge_into(
        cut,
        "debtor_dimension",
        "incoming_debtor_dimension",
        (
            "source",
            "external_id",
            "deleted_at",
            "debtor_id",
            "debtor_key",
            "dimension_id",
            "dimension_value_id",
        ),
    )
