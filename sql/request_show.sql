-- Purpose: a request with its answer, for a person who waits for it.
-- Index:   primary keys of ai_requests and ai_results.
-- Caller:  python -m daemon submit --wait, watch.
-- Locks:   none.
SELECT r.id, r.task_type, r.status, r.mode, r.degraded_reason, r.attempt, r.error,
    r.cost_usd::text AS cost_usd, s.result
FROM ai_requests r LEFT JOIN ai_results s ON s.request_id = r.id
WHERE r.id = %(request_id)s::bigint
