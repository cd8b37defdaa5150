-- Purpose: sets or lifts the standing limit of a scope; returns what it was.
-- Index:   primary key of ai_budgets.
-- Caller:  daemon.web.actions.
-- Locks:   the budget.
WITH held AS (
    SELECT b.limit_usd FROM ai_budgets b
    WHERE b.scope = %(scope)s::text AND b.period = %(period)s::text FOR UPDATE
)
INSERT INTO ai_budgets AS b (scope, period, limit_usd)
VALUES (%(scope)s::text, %(period)s::text, %(limit_usd)s::numeric)
ON CONFLICT (scope, period) DO UPDATE
    SET limit_usd = excluded.limit_usd, updated_at = clock_timestamp()
RETURNING (SELECT h.limit_usd::text FROM held h) AS before
