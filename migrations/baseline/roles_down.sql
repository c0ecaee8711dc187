-- Takes from the roles what they were granted, and the roles themselves where nothing else needs them.
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
