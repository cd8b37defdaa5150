-- Purpose: our own tables: dead rows, size, whether they have a vacuum factor of their own.
-- Index:   none; the catalogs.
-- Caller:  the rules vacuum_own and tune_own_autovacuum.
-- Locks:   none.
--
-- Ours: of the schema of ai_requests, with our prefix, of a role that we are.
SELECT c.relname::text AS name, c.oid::regclass::text AS shown, n.nspname::text AS schema,
    greatest(c.reltuples, 0)::bigint AS rows, coalesce(s.n_dead_tup, 0) AS dead,
    strpos(coalesce(c.reloptions::text, ''), 'autovacuum_vacuum_scale_factor') > 0 AS tuned
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_stat_user_tables s ON s.relid = c.oid
WHERE n.oid = (SELECT r.relnamespace FROM pg_class r WHERE r.oid = 'ai_requests'::regclass)
    AND c.relkind = 'r' AND starts_with(c.relname, 'ai_') AND pg_has_role(c.relowner, 'USAGE')
ORDER BY c.relname
