-- Purpose: agents that mostly fail, although the provider works, with their limits.
-- Index:   ai_requests_finished_at, ai_agents_type; primary keys of ai_control and ai_provider_state.
-- Caller:  the rule pause_agent.
-- Locks:   none.
--
-- Ten ends at least within a quarter of an hour, or since it was resumed, a pause of its ended or a
-- person changed it: what failed before says nothing about how it is now. Callers' mistakes and a
-- person's refusal do not count. paused_before: how often this rule paused it within the last hour.
SELECT e.task_type, e.ended, e.failed, c.concurrency, c.paused_before
FROM (
    SELECT k.task_type, k.concurrency, h.paused_before,
        greatest(now() - interval '15 minutes', h.resumed_at, g.updated_at,
            CASE WHEN k.paused THEN k.resume_at END) AS since
    FROM ai_control k
    LEFT JOIN ai_agents g ON g.type = k.task_type AND g.archived_at IS NULL
    CROSS JOIN LATERAL (
        SELECT count(*)::integer AS paused_before,
            max((a.after ->> 'resumed_at')::timestamptz) AS resumed_at
        FROM ai_healing_actions a
        WHERE a.rule = 'pause_agent' AND a.target = k.task_type AND a.outcome = 'done'
            AND a.started_at > now() - interval '1 hour') h
    WHERE k.task_type <> '*' AND (NOT k.paused OR k.resume_at <= now())
) c
CROSS JOIN LATERAL (
    SELECT c.task_type, count(*)::integer AS ended,
        (count(*) FILTER (WHERE r.status = 'failed'))::integer AS failed
    FROM ai_requests r
    WHERE r.status IN ('completed', 'failed') AND r.finished_at > c.since
        AND r.task_type = c.task_type
        AND coalesce(r.error ->> 'code', '') <> ALL (%(forgiven_codes)s::text[])
) e
WHERE e.ended >= 10 AND 100 * e.failed > %(percent)s::integer * e.ended
    AND NOT EXISTS (SELECT FROM ai_provider_state p
        WHERE p.state = 'open' AND p.opened_until > now())
ORDER BY e.task_type
