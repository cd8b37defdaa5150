-- Check:    workers.heartbeat
-- Unit:     seconds
-- Warning:  45
-- Critical: 120
-- Every:    60 seconds
-- Needs:    SELECT on ai_workers
-- Servers:  13 and newer
-- Says:     no daemon has given a sign of life for {value} ({workers} say that they run)
-- Remedy:   start the service; its log says why it ended
SELECT coalesce(min(greatest(0, extract(epoch FROM now() - w.heartbeat_at))), 1e9)::float8 AS value,
    0 AS hidden, jsonb_build_object('workers', count(*)) AS detail
FROM ai_workers w
WHERE w.state <> 'stopped'
