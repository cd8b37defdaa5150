-- Purpose: whether requests of low priority are due before the next UTC day, and may wait for it:
--          those of agents whose calls have cost money, see ai_budgets.
-- Index:   ai_requests_due, the primary key of ai_budgets.
-- Caller:  the rule shed_cost.
-- Locks:   none.
SELECT count(*)::integer AS waiting FROM (
    SELECT FROM ai_requests r
    WHERE r.status = 'pending' AND r.priority < 0 AND r.run_after >= '-infinity'
        AND EXISTS (SELECT FROM ai_budgets b
            WHERE b.scope = 'agent:' || r.task_type AND b.spent_usd + b.uncertain_usd > 0)
        AND r.run_after < (date_trunc('day', now() AT TIME ZONE 'UTC') + interval '1 day')
            AT TIME ZONE 'UTC'
        AND coalesce(r.expires_at, 'infinity') > (date_trunc('day', now() AT TIME ZONE 'UTC')
            + interval '1 day') AT TIME ZONE 'UTC'
    LIMIT 1000) due
