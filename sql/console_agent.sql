-- Purpose: an agent with its limits, what it spent today, and what people thought of its answers.
-- Index:   primary keys of ai_agents, ai_control and ai_budgets.
-- Caller:  the console's page of an agent.
-- Locks:   none.
SELECT a.id, a.name, a.type, a.description, a.config, a.enabled, a.status, a.problem, a.version,
    a.archived_at, a.updated_by, a.updated_at, a.created_at,
    c.task_type IS NOT NULL AS limited,
    c.paused AND (c.resume_at IS NULL OR c.resume_at > now()) AS paused,
    nullif(c.resume_at, 'infinity') AS resume_at,
    c.concurrency, c.per_key, c.starts_per_minute, c.daily_budget_usd, c.on_lost,
    (SELECT b.spent_usd + b.uncertain_usd FROM ai_budgets b WHERE b.scope = 'agent:' || a.type
        AND b.period = to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD')) AS spent_today,
    (SELECT b.interim_usd FROM ai_budgets b WHERE b.scope = 'agent:' || a.type AND b.period = 'day'
        AND now() < b.interim_until) AS interim_usd
FROM ai_agents a
LEFT JOIN ai_control c ON c.task_type = a.type
WHERE a.id = %(agent_id)s::integer
