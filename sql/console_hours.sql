-- Purpose: what ended in each step of a window, of one agent or of all together.
-- Index:   primary key of ai_hours.
-- Caller:  the console: overview, metrics.
-- Locks:   none.
SELECT date_bin(%(step)s::interval, h.hour, 'epoch') AS at,
    sum(h.completed) AS completed, sum(h.failed) AS failed,
    sum(h.cancelled + h.expired) AS stopped, sum(h.degraded) AS degraded,
    sum(h.tried_again) AS tried_again, jsonb_agg(h.seconds) AS seconds,
    jsonb_agg(h.wait_seconds) AS wait_seconds
FROM ai_hours h
WHERE h.hour >= %(since)s::timestamptz AND h.task_type = %(task_type)s::text
GROUP BY 1 ORDER BY 1
