-- Check:    database.dead_tuples
-- Unit:     percent
-- Warning:  20
-- Critical: 50
-- Every:    60 seconds
-- Needs:    nothing
-- Servers:  13 and newer
-- Target:   table
-- Says:     {value} of the rows of {table} are dead
-- Remedy:   VACUUM (ANALYZE) the table; look at database.xmin_horizon where that does not help
SELECT round(100.0 * s.n_dead_tup / (s.n_live_tup + s.n_dead_tup), 1)::float8 AS value,
    0 AS hidden,
    jsonb_build_object('table', s.relid::regclass::text, 'dead', s.n_dead_tup,
        'live', s.n_live_tup, 'last', greatest(s.last_autovacuum, s.last_vacuum)) AS detail
FROM pg_stat_user_tables s
WHERE s.n_dead_tup > 10000
ORDER BY 1 DESC, s.relid LIMIT 10
