-- Check:    workers.heartbeat
-- Unit:     seconds
-- Warning:  45
-- Critical: 120
-- Every:    60 seconds
-- Needs:    SELECT on ai_workers
-- Servers:  13 and newer
-- Says:     no daemon is alive; the last sign of life: {seen} (said to be running: {workers})
-- Remedy:   start the service; its log says why it ended
SELECT coalesce(min(greatest(0, extract(epoch FROM now() - w.heartbeat_at)))
        FILTER (WHERE w.state <> 'stopped'), 1e9)::float8 AS value,
    0 AS hidden,
    jsonb_build_object(
        'workers', count(*) FILTER (WHERE w.state <> 'stopped'),
        'seen', coalesce(to_char(max(w.heartbeat_at) AT TIME ZONE 'UTC',
            'YYYY-MM-DD HH24:MI:SS "UTC"'), 'never')) AS detail
FROM ai_workers w
