-- Check:    database.days_to_full
-- Unit:     days
-- Worse:    low
-- Warning:  14
-- Critical: 3
-- Every:    900 seconds
-- Needs:    SELECT on ai_system_health
-- Servers:  13 and newer
-- Says:     at the pace of the last two weeks the disk is full in {value}
-- Remedy:   enlarge the disk before then; see what grows: pg_total_relation_size
--
-- The slope of the sizes that were kept every hour; at least a day of them, and a stated disk.
SELECT (CASE WHEN s.slope > 1 THEN least(3650,
            greatest(0, %(disk_bytes)s::float8 - pg_database_size(current_database()))
            / s.slope / 86400) END)::float8 AS value,
    0 AS hidden,
    jsonb_build_object('bytes_per_day', round((s.slope * 86400)::numeric), 'samples', s.n) AS detail
FROM (
    SELECT count(*) AS n, max(h.checked_at) - min(h.checked_at) AS span,
        regr_slope((h.metrics ->> 'database.bytes')::float8,
            extract(epoch FROM h.checked_at)::float8) AS slope
    FROM ai_system_health h
    WHERE h.component = 'database' AND h.checked_at > now() - interval '14 days'
        AND jsonb_typeof(h.metrics -> 'database.bytes') = 'number'
) s
WHERE %(disk_bytes)s::float8 > 0 AND s.n >= 12 AND s.span >= interval '1 day'
