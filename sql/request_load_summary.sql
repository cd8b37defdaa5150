-- Purpose: how full the queue is, for metrics: pending by type (each counted up to a cap), running,
--          waiting, and the wait of the request that is due longest.
-- Index:   ai_requests_claim, ai_requests_due, ai_requests_live.
-- Caller:  Store.load.
-- Locks:   none.
--
-- A run_after of '-infinity', as of what somebody wants done first, cannot be subtracted.
SELECT
    (SELECT coalesce(jsonb_object_agg(t.task_type, p.n), '{}')
     FROM unnest(%(types)s::text[]) AS t(task_type)
     CROSS JOIN LATERAL (
        SELECT count(*) AS n FROM (
            SELECT FROM ai_requests r
            WHERE r.task_type = t.task_type AND r.status = 'pending' AND r.priority >= -32768
            LIMIT %(cap)s::integer) capped) p) AS pending,
    (SELECT coalesce(jsonb_object_agg(l.task_type, l.n), '{}')
     FROM (SELECT task_type, count(*) AS n FROM ai_leases GROUP BY task_type) l) AS running,
    (SELECT count(*)::integer FROM (
        SELECT FROM ai_requests r WHERE r.status = 'waiting'
        LIMIT %(cap)s::integer) capped) AS waiting,
    coalesce((
        SELECT greatest(0, extract(epoch FROM now() - CASE WHEN isfinite(r.run_after)
            THEN r.run_after ELSE r.created_at END))::double precision
        FROM ai_requests r
        WHERE r.status = 'pending' AND r.run_after <= now() AND r.run_after >= '-infinity'
        ORDER BY r.run_after LIMIT 1), 0) AS oldest_pending_seconds
