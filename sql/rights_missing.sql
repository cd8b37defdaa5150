-- Purpose: what our role may not do with our tables, though a daemon does it. granted: the role for
--          the app or for people that it has the rights of.
-- Index:   catalogues only.
-- Caller:  daemon.health.doctor.
-- Locks:   none.
SELECT c.relname AS table_name, string_agg(p.kind, ', ' ORDER BY p.kind) AS rights,
    quote_ident(current_user) AS role_name,
    (SELECT min(g.role) FROM unnest(ARRAY['ai_admin', 'ai_app', 'ai_reader']) AS g (role)
        WHERE pg_has_role(to_regrole(g.role), 'USAGE')) AS granted
FROM pg_class c
CROSS JOIN (VALUES ('SELECT'), ('INSERT'), ('UPDATE'), ('DELETE')) AS p (kind)
WHERE c.relkind = 'r' AND starts_with(c.relname, 'ai_')
    AND c.relnamespace = (
        SELECT r.relnamespace FROM pg_class r WHERE r.oid = to_regclass('ai_requests'))
    AND c.relname <> ALL (%(foreign)s::text[])
    AND NOT has_table_privilege(c.oid, p.kind)
GROUP BY 1 ORDER BY 1
