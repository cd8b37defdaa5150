-- Purpose: the agents in use, with limits, queue, and how they did in the last 24 hours and 7 days.
-- Index:   primary keys of ai_control and ai_hours; ai_requests_claim, ai_requests_live.
-- Caller:  the console: overview, agents.
-- Locks:   none.
--
-- more: only 1,000 pending requests were looked at, so there may be more due than are counted.
SELECT a.id, a.name, a.type, a.description, a.enabled, a.status, a.problem, a.version,
    a.config ->> 'kind' AS kind, a.updated_at,
    c.paused AND (c.resume_at IS NULL OR c.resume_at > now()) AS paused,
    nullif(c.resume_at, 'infinity') AS resume_at,
    c.concurrency, c.daily_budget_usd,
    coalesce(lease.running, 0) AS running, pending.due, pending.more, pending.oldest_due,
    done.completed, done.failed, done.degraded, done.hours, done.histogram,
    money.cost_usd AS cost_week
FROM ai_agents a
LEFT JOIN ai_control c ON c.task_type = a.type
LEFT JOIN (SELECT l.task_type, count(*) AS running FROM ai_leases l GROUP BY l.task_type) lease
    ON lease.task_type = a.type
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE p.run_after <= now()) AS due, count(*) = 1000 AS more,
        min(p.run_after) FILTER (WHERE p.run_after <= now() AND isfinite(p.run_after))
            AS oldest_due
    FROM (SELECT r.run_after FROM ai_requests r
        WHERE r.task_type = a.type AND r.status = 'pending' AND r.priority >= -32768
        ORDER BY r.priority DESC, r.id LIMIT 1000) p
) pending
LEFT JOIN LATERAL (
    SELECT sum(h.completed) AS completed, sum(h.failed) AS failed, sum(h.degraded) AS degraded,
        jsonb_object_agg(to_char(h.hour AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24'),
            h.completed::bigint + h.failed) AS hours,
        jsonb_agg(h.seconds) AS histogram
    FROM ai_hours h
    WHERE h.task_type = a.type AND h.hour > now() - interval '24 hours'
) done ON true
LEFT JOIN (
    SELECT m.task_type, sum(m.cost_usd) AS cost_usd FROM ai_call_hours m
    WHERE m.hour > now() - interval '7 days' GROUP BY m.task_type
) money ON money.task_type = a.type
WHERE a.archived_at IS NULL
ORDER BY a.type
