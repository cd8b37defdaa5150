-- Purpose: tables of which policies (row level security) may hide rows from our role, and the policy
--          that would not. names: of the main app's; NULL: all of ours.
-- Index:   catalogues only.
-- Caller:  daemon.health.doctor.
-- Locks:   none.
SELECT quote_ident(c.relname) AS table_name, quote_ident(current_user) AS role_name,
    format('CREATE POLICY ai_daemon ON %%s FOR %%s TO %%I USING (true)', c.oid::regclass,
        CASE WHEN %(names)s::text[] IS NULL THEN 'ALL' ELSE 'SELECT' END, current_user) AS policy
FROM pg_class c
WHERE c.oid = ANY (CASE WHEN %(names)s::text[] IS NULL THEN ARRAY(
            SELECT o.oid FROM pg_class o
            WHERE o.relkind = 'r' AND starts_with(o.relname, 'ai_') AND o.relnamespace = (
                SELECT r.relnamespace FROM pg_class r WHERE r.oid = to_regclass('ai_requests')))
        ELSE ARRAY(SELECT to_regclass(quote_ident(t.name))::oid
            FROM unnest(%(names)s::text[]) AS t (name)) END)
    AND row_security_active(c.oid)
    AND NOT EXISTS (
        SELECT FROM pg_policy p
        WHERE p.polrelid = c.oid AND p.polpermissive
            AND p.polcmd IN ('*', CASE WHEN %(names)s::text[] IS NOT NULL THEN 'r'::"char" END)
            AND pg_get_expr(p.polqual, p.polrelid) = 'true'
            AND EXISTS (SELECT FROM unnest(p.polroles) AS g (oid)
                WHERE g.oid = 0 OR pg_has_role(g.oid, 'USAGE')))
ORDER BY 1
