-- Purpose: whether requests of low priority are due before the next UTC day, and may wait for it.
-- Index:   ai_requests_due.
-- Caller:  the rule shed_cost.
-- Locks:   none.
SELECT count(*)::integer AS waiting FROM (
    SELECT FROM ai_requests r
    WHERE r.status = 'pending' AND r.priority < 0 AND r.run_after >= '-infinity'
        AND r.run_after < (date_trunc('day', now() AT TIME ZONE 'UTC') + interval '1 day')
            AT TIME ZONE 'UTC'
        AND coalesce(r.expires_at, 'infinity') > (date_trunc('day', now() AT TIME ZONE 'UTC')
            + interval '1 day') AT TIME ZONE 'UTC'
    LIMIT 1000) due
