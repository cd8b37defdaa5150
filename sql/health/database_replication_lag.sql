-- Check:    database.replication_lag
-- Unit:     seconds
-- Warning:  30
-- Critical: 300
-- Every:    60 seconds
-- Needs:    pg_monitor
-- Servers:  13 and newer
-- Says:     the slowest of {standbys} standbys is {value} behind
-- Remedy:   look at the standby's disk and network; long queries there hold replay up
SELECT max(extract(epoch FROM r.replay_lag))::float8 AS value,
    (count(*) FILTER (WHERE r.state IS NULL))::int AS hidden,
    jsonb_build_object('standbys', count(*), 'names', jsonb_agg(r.application_name)) AS detail
FROM pg_stat_replication r
HAVING count(*) > 0
