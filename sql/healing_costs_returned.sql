-- Purpose: what was put off until tomorrow to save money is due again, since the limit was raised.
-- Index:   ai_requests_due.
-- Caller:  the rule shed_cost.
-- Locks:   those rows, unless somebody holds them.
WITH due AS (
    UPDATE ai_requests q SET run_after = now(), error = NULL
    WHERE q.status = 'pending' AND q.id = ANY (ARRAY(
        SELECT r.id FROM ai_requests r
        WHERE r.status = 'pending' AND r.run_after >= '-infinity'
            AND r.run_after = (date_trunc('day', now() AT TIME ZONE 'UTC') + interval '1 day')
                AT TIME ZONE 'UTC'
            AND r.error ->> 'code' = 'budget_exhausted' AND r.error -> 'budget' IS NULL
        ORDER BY r.id
        FOR UPDATE SKIP LOCKED))
    RETURNING q.id
),
rung AS (
    SELECT ai_ring() FROM (SELECT FROM due LIMIT 1) z
)
SELECT count(*)::integer AS returned FROM due, (SELECT count(*) FROM rung) b
