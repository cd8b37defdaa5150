-- Check:    queue.running_without_lease
-- Unit:     count
-- Warning:  1
-- Critical: never
-- Every:    60 seconds
-- Needs:    SELECT on ai_leases and ai_requests
-- Servers:  13 and newer
-- Says:     requests that are running and nobody holds: {value} ({requests})
-- Remedy:   a daemon adopts them within a minute of a server's crash; if none does, see its log for
--           duty_failed
--
-- For longer than two lease times: shorter is the grace after a crash of the server, which empties
-- ai_leases.
SELECT count(*)::float8 AS value, 0 AS hidden,
    jsonb_build_object('requests', (array_agg(r.id ORDER BY r.id))[1:20]) AS detail
FROM ai_requests r
WHERE r.status IN ('running', 'waiting') AND r.status = 'running'
    AND r.started_at < now() - 2 * make_interval(secs => %(lease_seconds)s::float8)
    AND NOT EXISTS (SELECT FROM ai_leases l WHERE l.request_id = r.id)
