-- Purpose: gives the limits and standing budgets of a draft to the type that it answers from now on,
--          whatever an archived agent of that type has left.
-- Index:   primary keys of ai_control and ai_budgets.
-- Caller:  daemon.web.actions, after agent_put.sql.
-- Locks:   those rows.
WITH held AS (
    DELETE FROM ai_control c WHERE c.task_type = %(draft)s::text
    RETURNING c.paused, c.resume_at, c.concurrency, c.per_key, c.starts_per_minute,
        c.daily_budget_usd, c.on_lost
),
given AS (
    INSERT INTO ai_control AS c (task_type, paused, resume_at, concurrency, per_key,
        starts_per_minute, daily_budget_usd, on_lost)
    SELECT %(type)s::text, h.* FROM held h
    ON CONFLICT (task_type) DO UPDATE SET paused = excluded.paused,
        resume_at = excluded.resume_at, concurrency = excluded.concurrency,
        per_key = excluded.per_key, starts_per_minute = excluded.starts_per_minute,
        daily_budget_usd = excluded.daily_budget_usd, on_lost = excluded.on_lost
),
standing AS (
    DELETE FROM ai_budgets b
    WHERE b.scope = 'agent:' || %(draft)s::text AND b.period IN ('day', 'month')
    RETURNING b.period, b.limit_usd, b.interim_usd, b.interim_until
)
INSERT INTO ai_budgets AS b (scope, period, limit_usd, interim_usd, interim_until)
SELECT 'agent:' || %(type)s::text, s.* FROM standing s
ON CONFLICT (scope, period) DO UPDATE SET limit_usd = excluded.limit_usd,
    interim_usd = excluded.interim_usd, interim_until = excluded.interim_until,
    updated_at = clock_timestamp()
