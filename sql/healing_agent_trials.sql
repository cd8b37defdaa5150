-- Purpose: agents that were paused and may try again, and what became of the requests that did.
-- Index:   ai_healing_actions_rule, ai_requests_finished_at.
-- Caller:  the rule pause_agent.
-- Locks:   none.
--
-- resumed: a person did not wait for the pause to end.
SELECT h.id, h.target AS task_type, h.concurrency, h.times, NOT c.paused AS resumed,
    e.completed, e.failed
FROM (
    SELECT DISTINCT ON (a.target) a.id, a.target, a.after,
        (a.before ->> 'concurrency')::integer AS concurrency,
        (a.before ->> 'times')::integer AS times
    FROM ai_healing_actions a
    WHERE a.rule = 'pause_agent' AND a.outcome = 'done' AND a.started_at > now() - interval '7 days'
    ORDER BY a.target, a.started_at DESC
) h
JOIN ai_control c ON c.task_type = h.target AND (NOT c.paused OR c.resume_at <= now())
CROSS JOIN LATERAL (
    SELECT (count(*) FILTER (WHERE r.status = 'completed'))::integer AS completed,
        (count(*) FILTER (WHERE r.status = 'failed'))::integer AS failed
    FROM ai_requests r
    WHERE r.status IN ('completed', 'failed') AND r.finished_at > c.resume_at
        AND r.task_type = h.target
        AND coalesce(r.error ->> 'code', '') <> ALL (%(forgiven_codes)s::text[])
) e
WHERE h.after ->> 'resumed_at' IS NULL
