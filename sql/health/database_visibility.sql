-- Check:    database.visibility
-- Unit:     count
-- Warning:  1
-- Critical: never
-- Notice:   yes
-- Every:    900 seconds
-- Needs:    pg_read_all_stats
-- Servers:  13 and newer
-- Says:     sessions of other roles whose statements are hidden from us: {value}
-- Remedy:   GRANT pg_monitor TO our role (or pg_read_all_stats): then the statement that blocks can
--           be named, and the lag of standbys
SELECT count(*)::float8 AS value, 0 AS hidden,
    jsonb_build_object('roles', jsonb_agg(DISTINCT a.usename)) AS detail
FROM pg_stat_activity a
WHERE a.datid IS NOT NULL AND a.usesysid IS NOT NULL AND a.usename <> current_user
    AND a.state IS NULL AND a.query = '<insufficient privilege>'
