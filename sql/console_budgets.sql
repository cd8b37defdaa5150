-- Purpose: the standing limits, and what was counted against the present day and month. Sums that a
--          price of NaN once spoilt are as good as none.
-- Index:   primary key of ai_budgets: a scope's periods are few, scopes of requests are passed over.
-- Caller:  the console: budgets.
-- Locks:   none.
WITH scope AS (
    SELECT 'global' AS name
    UNION SELECT 'agent:' || a.type FROM ai_agents a WHERE a.archived_at IS NULL
    UNION (SELECT DISTINCT b.scope FROM ai_budgets b WHERE b.scope LIKE 'key:%%'
        AND b.period IN ('day', 'month') ORDER BY b.scope LIMIT 21)
)
SELECT s.name AS scope, k.kind, own.limit_usd,
    CASE WHEN now() < own.interim_until THEN own.interim_usd END AS interim_usd,
    c.daily_budget_usd AS agent_limit_usd,
    coalesce(nullif(b.spent_usd, 'NaN'), 0) AS spent_usd,
    coalesce(nullif(b.reserved_usd, 'NaN'), 0) AS reserved_usd,
    coalesce(nullif(b.uncertain_usd, 'NaN'), 0) AS uncertain_usd, own.updated_at
FROM scope s
CROSS JOIN (VALUES ('day', 'YYYY-MM-DD'), ('month', 'YYYY-MM')) AS k (kind, form)
LEFT JOIN ai_budgets own ON own.scope = s.name AND own.period = k.kind
LEFT JOIN ai_budgets b ON b.scope = s.name
    AND b.period = to_char(now() AT TIME ZONE 'UTC', k.form)
LEFT JOIN ai_control c ON 'agent:' || c.task_type = s.name AND k.kind = 'day'
ORDER BY s.name <> 'global', s.name, k.kind
