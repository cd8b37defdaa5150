-- Purpose: the daemons, the living first, and the provider's state as they share it.
-- Index:   none; a handful of rows.
-- Caller:  the console: health.
-- Locks:   none.
SELECT w.worker_id, w.version, w.host, w.pid, w.concurrency, w.running, w.state,
    w.drain_requested_at, w.started_at, w.heartbeat_at,
    w.state <> 'stopped' AND w.heartbeat_at < now() - interval '1 minute' AS silent
FROM ai_workers w
WHERE w.heartbeat_at > now() - interval '1 day'
ORDER BY w.state = 'stopped', w.heartbeat_at DESC LIMIT 20
