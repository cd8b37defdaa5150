-- Purpose: asks again, in full, for what was answered without the model while the provider was away.
-- Index:   ai_requests_degraded; ai_requests_idempotency; primary key of ai_provider_state.
-- Caller:  daemon.llm.journal for upkeep, every few minutes.
-- Locks:   as an INSERT.
--
-- Only for agents whose config says upgrade_degraded, once per request, and while the provider seems
-- to be there. The new request waits for the model rather than degrade again, behind everybody else,
-- within the same budgets, for at most two days. Its idempotency_key is 'upgrade:' and the first id.
WITH wanting AS MATERIALIZED (
    SELECT a.type FROM ai_agents a
    WHERE a.archived_at IS NULL AND a.enabled AND a.config -> 'upgrade_degraded' = 'true'
        AND NOT EXISTS (
            SELECT FROM ai_provider_state p
            WHERE p.model IN ('*', coalesce(a.config ->> 'model', %(model)s::text))
                AND p.state <> 'closed' AND p.opened_until > now())
)
INSERT INTO ai_requests (task_type, input_data, priority, expires_at, idempotency_key, fair_key,
    requested_by, max_usd, on_unavailable)
SELECT r.task_type, r.input_data, least(r.priority, -10), now() + interval '2 days',
    'upgrade:' || r.id, r.fair_key, r.requested_by, r.max_usd, 'wait'
FROM ai_requests r
JOIN wanting w ON w.type = r.task_type
WHERE r.mode = 'degraded' AND r.status = 'completed' AND r.finished_at > now() - interval '2 days'
    AND r.degraded_reason IN ('budget_exhausted', 'breaker_open', 'provider_error', 'timeout')
    AND coalesce(r.idempotency_key, '') NOT LIKE 'upgrade:%%'
    AND NOT EXISTS (
        SELECT FROM ai_requests u
        WHERE u.task_type = r.task_type AND u.idempotency_key = 'upgrade:' || r.id)
ORDER BY r.finished_at LIMIT %(limit)s::integer
ON CONFLICT (task_type, idempotency_key) DO NOTHING
RETURNING id
