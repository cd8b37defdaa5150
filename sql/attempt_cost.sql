-- Purpose: what an attempt that was superseded had cost, for the metric of wasted money.
-- Index:   primary key of ai_attempts.
-- Caller:  Store.attempt_cost.
-- Locks:   none.
SELECT a.cost_usd FROM ai_attempts a
WHERE a.request_id = %(request_id)s::bigint AND a.fence = %(fence)s::bigint
    AND a.worker_id = %(worker_id)s::text
