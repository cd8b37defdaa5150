-- Check:    queue.stuck_lease
-- Unit:     seconds
-- Warning:  30
-- Critical: 120
-- Every:    60 seconds
-- Needs:    SELECT on ai_leases and ai_requests
-- Servers:  13 and newer
-- Says:     a lease ran out {value} ago and was not rescued ({requests})
-- Remedy:   the rescue itself does not run: is any daemon ready, and is the row locked
--           (database.blocked)?
--
-- Rescuers look every 15 seconds at least, with a little jitter.
SELECT max(extract(epoch FROM now() - l.expires_at))::float8 AS value, 0 AS hidden,
    jsonb_build_object('requests',
        (array_agg(l.request_id ORDER BY l.expires_at))[1:20]) AS detail
FROM ai_leases l
JOIN ai_requests r ON r.id = l.request_id AND r.status = 'running'
WHERE l.expires_at < now()
HAVING count(*) > 0
