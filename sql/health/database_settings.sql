-- Check:    database.settings
-- Unit:     count
-- Warning:  1
-- Critical: never
-- Notice:   yes
-- Every:    86400 seconds
-- Needs:    nothing
-- Servers:  13 and newer
-- Says:     settings of the server that endanger data or hide what it does: {settings}
-- Remedy:   ALTER SYSTEM SET name = on; then SELECT pg_reload_conf()
SELECT count(*)::float8 AS value, 0 AS hidden,
    jsonb_build_object('settings', jsonb_agg(s.name || ' = ' || s.reset_val)) AS detail
FROM pg_settings s
WHERE s.name IN ('fsync', 'full_page_writes', 'track_activities', 'track_counts')
    AND s.reset_val = 'off'
HAVING count(*) > 0
