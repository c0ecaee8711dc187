-- Takes the reader views, functions and what it can of the roles away again.
DROP VIEW IF EXISTS canonical.explained, canonical.field_claim, canonical.ownership, canonical.field;
DROP VIEW IF EXISTS
    canonical.entity_freshness, canonical.source_freshness, canonical.grade, canonical.cut_grade, canonical.positions_in_use,
    canonical.portfolio_members, canonical.credit_utilisation, canonical.debtor_metrics, canonical.metrics,
    canonical.debtor_balance, canonical.ageing_summary, canonical.ageing, canonical.open_items;
DROP FUNCTION IF EXISTS
    canonical.debtor_metrics_at(date, text), canonical.credit_utilisation_at(date), canonical.debtor_exposure_at(date), canonical.metrics_at(date, text), canonical.metric_status(text, numeric),
    canonical.metrics_of(canonical.metric_sums, numeric, jsonb, jsonb), canonical.dso_count_back(numeric, date, date[], numeric[]),
    canonical.sales_by_month_at(date, text, boolean), canonical.metric_sums_at(date, text, boolean),
    canonical.debtor_balance_at(date, text), canonical.ageing_summary_at(date, text), canonical.ageing_at(date, text), canonical.open_items_at(date, text),
    canonical.payment_at(date, text), canonical.document_at(date, text), canonical.applied_by(uuid, text, date), canonical.applied_since(date);
DROP TYPE IF EXISTS canonical.metric_sums;
DROP VIEW IF EXISTS canonical.metric_debtor, canonical.metric_definition, canonical.application_side, canonical.source_base_currency, canonical.last_cut;
DELETE FROM canonical.ageing_bucket;

DO $$
DECLARE
    role_name text;
BEGIN
    FOR role_name IN SELECT rolname FROM pg_roles WHERE rolname IN ('sync_engine_reader', 'sync_engine_writer') LOOP
        EXECUTE 'ALTER DEFAULT PRIVILEGES IN SCHEMA canonical REVOKE SELECT ON TABLES FROM ' || quote_ident(role_name);
        EXECUTE 'REVOKE ALL ON ALL TABLES IN SCHEMA canonical FROM ' || quote_ident(role_name);
        EXECUTE 'REVOKE ALL ON SCHEMA canonical FROM ' || quote_ident(role_name);
        BEGIN
            EXECUTE 'DROP ROLE ' || quote_ident(role_name);
        EXCEPTION WHEN insufficient_privilege OR dependent_objects_still_exist THEN
            RAISE NOTICE 'Role % is in use elsewhere and stays.', role_name;
        END;
    END LOOP;
EXCEPTION WHEN insufficient_privilege THEN
    RAISE NOTICE 'The roles sync_engine_reader and sync_engine_writer were left as they are.';
END
$$;
