-- Which sources a role may read of: null, all. As long as nobody was ever granted a company, everybody; after that, what was granted to the
-- role or to one it belongs to. Who may read the schema engine, where everything is, is not restricted. Nobody asks about others.
CREATE FUNCTION engine.visible_sources(who name)
RETURNS text[]
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
SELECT CASE
    WHEN NOT EXISTS (SELECT FROM engine.access_grant) THEN NULL
    WHEN NOT pg_has_role(session_user, who, 'MEMBER') THEN '{}'
    WHEN has_table_privilege(who, 'engine.source_record', 'SELECT') THEN NULL
    WHEN EXISTS (
        SELECT FROM engine.access_grant g JOIN pg_roles r ON r.rolname = g.login
        WHERE g.revoked_at IS NULL AND g.company IS NULL AND pg_has_role(who, r.oid, 'USAGE')) THEN NULL
    ELSE ARRAY(
        SELECT DISTINCT c.source FROM engine.access_grant g JOIN pg_roles r ON r.rolname = g.login JOIN canonical.company c ON lower(c.name) = lower(g.company)
        WHERE g.revoked_at IS NULL AND pg_has_role(who, r.oid, 'USAGE'))
    END
$$;
