-- Check:    database.autovacuum_late
-- Shape:    seen
-- Unit:     seconds
-- Warning:  900
-- Critical: never
-- Every:    60 seconds
-- Needs:    nothing
-- Servers:  13 and newer
-- Target:   table
-- Says:     the table {table} is over twice its own vacuum trigger for {value}: {dead} dead rows
-- Remedy:   VACUUM (ANALYZE) the table; more autovacuum_max_workers, or a higher
--           autovacuum_vacuum_cost_limit
--
-- The table's own storage parameters count, and from 18 on the cap. Only the time counts: after a bulk
-- write every busy table is over its trigger for up to one autovacuum_naptime.
SELECT t.rel AS key,
    jsonb_build_object('table', t.rel, 'dead', t.n_dead_tup, 'fires_at', round(t.fires_at::numeric),
        'ours', t.ours) AS detail
FROM (
    SELECT s.relid::regclass::text AS rel, s.n_dead_tup,
        pg_has_role(c.relowner, 'USAGE') AND starts_with(c.relname, 'ai_') AS ours,
        least(
            coalesce(own.threshold, current_setting('autovacuum_vacuum_threshold')::float8)
                + coalesce(own.factor, current_setting('autovacuum_vacuum_scale_factor')::float8)
                * greatest(c.reltuples, 0),
            nullif(coalesce(
                current_setting('autovacuum_vacuum_max_threshold', true)::float8, -1), -1)
        ) AS fires_at
    FROM pg_stat_user_tables s
    JOIN pg_class c ON c.oid = s.relid
    CROSS JOIN LATERAL (
        SELECT max(o.option_value::float8)
                FILTER (WHERE o.option_name = 'autovacuum_vacuum_threshold') AS threshold,
            max(o.option_value::float8)
                FILTER (WHERE o.option_name = 'autovacuum_vacuum_scale_factor') AS factor
        FROM pg_options_to_table(c.reloptions) o
        WHERE o.option_name IN ('autovacuum_vacuum_threshold', 'autovacuum_vacuum_scale_factor')
    ) own
    WHERE s.n_dead_tup > 1000
) t
WHERE t.n_dead_tup > 2 * t.fires_at
