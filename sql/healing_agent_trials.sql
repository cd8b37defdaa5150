-- Purpose: agents that were paused and may try again, and what became of the requests that did.
-- Index:   primary key of ai_control; ai_healing_actions_rule, ai_requests_finished_at.
-- Caller:  the rule pause_agent.
-- Locks:   none.
--
-- resumed: a person did not wait for the pause to end. quiet: it was paused more than 7 days ago; what
-- is older than that speaks for or against nobody. A limit other than 1 is a person's, and stays.
SELECT h.id, c.task_type, h.times, NOT c.paused AS resumed,
    CASE WHEN c.concurrency = 1 THEN h.concurrency ELSE c.concurrency END AS concurrency,
    h.started_at <= now() - interval '7 days' AS quiet, e.completed, e.failed
FROM ai_control c
CROSS JOIN LATERAL (
    SELECT a.id, a.after, a.started_at, (a.before ->> 'concurrency')::integer AS concurrency,
        (a.before ->> 'times')::integer AS times
    FROM ai_healing_actions a
    WHERE a.rule = 'pause_agent' AND a.target = c.task_type AND a.outcome = 'done'
    ORDER BY a.started_at DESC LIMIT 1
) h
CROSS JOIN LATERAL (
    SELECT (count(*) FILTER (WHERE r.status = 'completed'))::integer AS completed,
        (count(*) FILTER (WHERE r.status = 'failed'))::integer AS failed
    FROM ai_requests r
    WHERE r.status IN ('completed', 'failed') AND r.finished_at > c.resume_at
        AND r.finished_at > now() - interval '7 days' AND r.task_type = c.task_type
        AND coalesce(r.error ->> 'code', '') <> ALL (%(forgiven_codes)s::text[])
) e
WHERE (NOT c.paused OR c.resume_at <= now()) AND h.after ->> 'resumed_at' IS NULL
    AND (h.started_at > now() - interval '7 days' OR c.concurrency = 1)
