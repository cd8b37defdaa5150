-- Purpose: sets or lifts the standing limit of a scope; returns what it was. One that is to lapse leaves
--          the standing one as it is, and any other ends it.
-- Index:   primary key of ai_budgets.
-- Caller:  daemon.web.actions.
-- Locks:   the budget.
WITH held AS (
    SELECT CASE WHEN now() < b.interim_until THEN b.interim_usd END AS interim_usd, b.limit_usd
    FROM ai_budgets b
    WHERE b.scope = %(scope)s::text AND b.period = %(period)s::text FOR UPDATE
),
given AS (
    SELECT CASE WHEN %(lapses)s::boolean THEN %(limit_usd)s::numeric END AS interim_usd,
        CASE WHEN %(lapses)s::boolean THEN
            (date_trunc('day', now() AT TIME ZONE 'UTC') + interval '1 day') AT TIME ZONE 'UTC'
        END AS interim_until
)
INSERT INTO ai_budgets AS b (scope, period, limit_usd, interim_usd, interim_until)
SELECT %(scope)s::text, %(period)s::text,
    CASE WHEN NOT %(lapses)s::boolean THEN %(limit_usd)s::numeric END, g.interim_usd, g.interim_until
FROM given g
ON CONFLICT (scope, period) DO UPDATE
    SET limit_usd = CASE WHEN %(lapses)s::boolean THEN b.limit_usd ELSE excluded.limit_usd END,
        interim_usd = excluded.interim_usd, interim_until = excluded.interim_until,
        updated_at = clock_timestamp()
RETURNING (SELECT coalesce(h.interim_usd, h.limit_usd)::text FROM held h) AS before
