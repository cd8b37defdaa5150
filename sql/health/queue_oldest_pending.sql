-- Check:    queue.oldest_pending
-- Unit:     seconds
-- Warning:  60
-- Critical: 300
-- Every:    60 seconds
-- Needs:    SELECT on ai_requests and ai_control
-- Servers:  13 and newer
-- Says:     a request of {task_type} is due for {value} and has not been started
-- Remedy:   is a daemon ready (workers.heartbeat), the agent paused (agents.paused), a limit of
--           ai_control reached, or the queue long (queue.depth)?
--
-- The age since it was due, not since it was made; but for a run_after of '-infinity', which cannot be
-- subtracted. A paused agent's requests count too.
SELECT extract(epoch FROM now() - o.due_at)::float8 AS value, 0 AS hidden,
    jsonb_build_object('task_type', left(o.task_type, 100), 'request_id', o.id,
        'paused', (SELECT jsonb_agg(c.task_type) FROM ai_control c
            WHERE c.paused AND (c.resume_at IS NULL OR c.resume_at > now()))) AS detail
FROM (
    SELECT r.id, r.task_type,
        CASE WHEN isfinite(r.run_after) THEN r.run_after ELSE r.created_at END AS due_at
    FROM ai_requests r
    WHERE r.status = 'pending' AND r.run_after <= now() AND r.run_after >= '-infinity'
    ORDER BY r.run_after LIMIT 1
) o
