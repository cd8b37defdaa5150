-- Check:    database.unused_index
-- Unit:     count
-- Warning:  1
-- Critical: never
-- Notice:   yes
-- Every:    86400 seconds
-- Needs:    nothing
-- Servers:  13 and newer
-- Says:     large indexes that are hardly read: {indexes}
-- Remedy:   look at the standbys' statistics too, which are their own, then DROP INDEX CONCURRENTLY
--
-- At most 50 scans in more than seven days of statistics. Ours are none of these, as rarely as some are
-- read: statements rely on them. Nor is what a constraint rests on.
SELECT count(*)::float8 AS value, 0 AS hidden,
    jsonb_build_object('indexes', jsonb_agg(s.indexrelid::regclass::text)) AS detail
FROM pg_stat_user_indexes s
JOIN pg_index i ON i.indexrelid = s.indexrelid
JOIN pg_class t ON t.oid = i.indrelid
WHERE NOT i.indisunique AND NOT i.indisexclusion AND s.idx_scan <= 50
    AND NOT (starts_with(t.relname, 'ai_') AND t.relnamespace IS NOT DISTINCT FROM (
        SELECT r.relnamespace FROM pg_class r WHERE r.oid = to_regclass('ai_requests')))
    AND (SELECT d.stats_reset FROM pg_stat_database d WHERE d.datname = current_database())
        < now() - interval '7 days'
    AND pg_relation_size(s.indexrelid) >= %(unused_index_bytes)s::bigint
