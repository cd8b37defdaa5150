-- Check:    workers.vanished
-- Unit:     count
-- Warning:  1
-- Critical: never
-- Notice:   yes
-- Every:    60 seconds
-- Needs:    SELECT on ai_workers
-- Servers:  13 and newer
-- Says:     daemons that went without a goodbye in the last hour: {value} ({workers})
-- Remedy:   a SIGKILL: give the platform more than DRAIN_SECONDS to stop the service, and look for
--           want of memory
SELECT count(*)::float8 AS value, 0 AS hidden,
    jsonb_build_object('workers', jsonb_agg(w.worker_id)) AS detail
FROM ai_workers w
WHERE w.state <> 'stopped'
    AND w.heartbeat_at BETWEEN now() - interval '1 hour' AND now() - interval '2 minutes'
