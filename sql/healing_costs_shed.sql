-- Purpose: lets requests of low priority wait for the next UTC day, when there is money again;
--          an agent whose calls never cost anything goes on.
-- Index:   ai_requests_due, the primary key of ai_budgets.
-- Caller:  the rule shed_cost.
-- Locks:   those rows, unless somebody holds them.
--
-- What expires before then is no use tomorrow: it is answered today, or not at all. Each says why it
-- waits; by that healing_costs_returned.sql knows it.
WITH shed AS (
    UPDATE ai_requests q
    SET run_after = (date_trunc('day', now() AT TIME ZONE 'UTC') + interval '1 day')
            AT TIME ZONE 'UTC',
        error = jsonb_build_object('code', 'budget_exhausted',
            'message', 'put off until tomorrow: the day''s money goes faster than the day',
            'hint', 'it goes on today once the limit is raised; a priority of 0 is never put off',
            'retryable', true)
    WHERE q.status = 'pending' AND q.id = ANY (ARRAY(
        SELECT r.id FROM ai_requests r
        WHERE r.status = 'pending' AND r.priority < 0 AND r.run_after >= '-infinity'
            AND EXISTS (SELECT FROM ai_budgets b
                WHERE b.scope = 'agent:' || r.task_type AND b.spent_usd + b.uncertain_usd > 0)
            AND r.run_after < (date_trunc('day', now() AT TIME ZONE 'UTC') + interval '1 day')
                AT TIME ZONE 'UTC'
            AND coalesce(r.expires_at, 'infinity') > (date_trunc('day', now() AT TIME ZONE 'UTC')
                + interval '1 day') AT TIME ZONE 'UTC'
        ORDER BY r.id LIMIT %(limit)s::integer
        FOR UPDATE SKIP LOCKED))
    RETURNING q.id
)
SELECT count(*)::integer AS shed FROM shed
