-- Check:    database.slow_statements
-- Requires: pg_stat_statements
-- Unit:     milliseconds
-- Warning:  1000
-- Critical: never
-- Notice:   yes
-- Every:    900 seconds
-- Needs:    pg_read_all_stats
-- Servers:  13 and newer
-- Says:     the slowest frequent statement, queryid {queryid}, takes {value} on average
-- Remedy:   SELECT query FROM pg_stat_statements WHERE queryid is that number; EXPLAIN (ANALYZE,
--           BUFFERS) it
SELECT max(s.mean_exec_time)::float8 AS value,
    (count(*) FILTER (WHERE s.query = '<insufficient privilege>'))::int AS hidden,
    jsonb_build_object('queryid',
        (array_agg(s.queryid::text ORDER BY s.mean_exec_time DESC))[1]) AS detail
FROM pg_stat_statements s
WHERE s.calls >= 100
    AND s.dbid = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
