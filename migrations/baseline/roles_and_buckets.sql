-- Readers see canonical and nothing of the engine; writers may add to the inbox. A migrating user who may not create roles
-- gets a notice, and the administrator runs this block later.
DO $$
DECLARE
    role_name text;
BEGIN
    FOREACH role_name IN ARRAY ARRAY['sync_engine_reader', 'sync_engine_writer'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role_name) THEN
            EXECUTE 'CREATE ROLE ' || quote_ident(role_name) || ' NOLOGIN';
        END IF;
        EXECUTE 'GRANT USAGE ON SCHEMA canonical TO ' || quote_ident(role_name);
        EXECUTE 'GRANT SELECT ON ALL TABLES IN SCHEMA canonical TO ' || quote_ident(role_name);
        EXECUTE 'ALTER DEFAULT PRIVILEGES IN SCHEMA canonical GRANT SELECT ON TABLES TO ' || quote_ident(role_name);
    END LOOP;
    GRANT INSERT (entity, record_id, field, value, said_by) ON canonical.claim_inbox TO sync_engine_writer;
EXCEPTION
    WHEN insufficient_privilege THEN
        RAISE NOTICE 'The roles sync_engine_reader and sync_engine_writer were not made: % Ask an administrator.', SQLERRM;
    WHEN unique_violation OR duplicate_object THEN
        RAISE NOTICE 'The roles sync_engine_reader and sync_engine_writer are being made by another migration at this moment; grant again.';
END
$$;

INSERT INTO canonical.ageing_bucket ("position", label, from_day, to_day)
VALUES (1, 'current', NULL, 0), (2, '1-30', 1, 30), (3, '31-60', 31, 60), (4, '61-90', 61, 90), (5, '91+', 91, NULL)
ON CONFLICT DO NOTHING;
