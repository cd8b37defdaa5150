-- Purpose: an agent's limits as they stand, held while a change is decided on.
-- Index:   primary key of ai_control.
-- Caller:  daemon.web.actions.
-- Locks:   the row; claims pass over it meanwhile.
SELECT c.paused, nullif(c.resume_at, 'infinity') AS resume_at, c.concurrency, c.per_key,
    c.starts_per_minute, c.daily_budget_usd, c.on_lost
FROM ai_control c WHERE c.task_type = %(task_type)s::text FOR UPDATE
