-- Purpose: what each agent did in each of the last hours, from the roll-ups.
-- Index:   primary keys of ai_hours and ai_call_hours.
-- Caller:  GET /api/metrics.
-- Locks:   none.
SELECT a.id AS agent_id, h.hour, h.counted_at, h.completed, h.failed, h.degraded, h.tried_again,
    h.completed::bigint + h.failed + h.cancelled + h.expired AS ended,
    coalesce((SELECT sum(c.cost_usd) FROM ai_call_hours c
        WHERE c.hour = h.hour AND c.task_type = h.task_type), 0) AS cost_usd
FROM ai_hours h
JOIN ai_agents a ON a.type = h.task_type AND a.archived_at IS NULL
WHERE h.hour > now() - make_interval(hours => %(hours)s::integer) AND h.task_type <> '*'
    AND (%(agent_id)s::integer IS NULL OR a.id = %(agent_id)s::integer)
ORDER BY h.hour DESC, a.id LIMIT 400
