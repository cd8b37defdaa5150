-- Purpose: our own indexes that are invalid and that nobody builds just now.
-- Index:   none; the catalogs.
-- Caller:  the rule reindex_invalid_own.
-- Locks:   none.
SELECT i.relname::text AS name, n.nspname::text AS schema, t.relname::text AS of,
    i.relname ~ '_cc(new|old)[0-9]*$' AS leftover
FROM pg_index x
JOIN pg_class i ON i.oid = x.indexrelid
JOIN pg_class t ON t.oid = x.indrelid
JOIN pg_namespace n ON n.oid = i.relnamespace
WHERE (NOT x.indisvalid OR NOT x.indisready)
    AND n.oid = (SELECT r.relnamespace FROM pg_class r WHERE r.oid = 'ai_requests'::regclass)
    AND starts_with(t.relname, 'ai_') AND pg_has_role(t.relowner, 'USAGE')
    AND NOT EXISTS (SELECT FROM pg_stat_progress_create_index p WHERE p.relid = x.indrelid)
ORDER BY i.relname
LIMIT 20
