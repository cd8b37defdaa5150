-- Purpose: sets an agent's limits; they count at once, and a trigger rings.
-- Index:   primary key of ai_control.
-- Caller:  daemon.web.actions, in the transaction of control_lock.sql.
-- Locks:   the row.
INSERT INTO ai_control AS c (task_type, paused, resume_at, concurrency, per_key,
    starts_per_minute, daily_budget_usd, on_lost)
VALUES (%(task_type)s::text, %(paused)s::boolean, %(resume_at)s::timestamptz,
    %(concurrency)s::integer, %(per_key)s::integer, %(starts_per_minute)s::integer,
    %(daily_budget_usd)s::numeric, %(on_lost)s::text)
ON CONFLICT (task_type) DO UPDATE SET paused = excluded.paused, resume_at = excluded.resume_at,
    concurrency = excluded.concurrency, per_key = excluded.per_key,
    starts_per_minute = excluded.starts_per_minute,
    daily_budget_usd = excluded.daily_budget_usd, on_lost = excluded.on_lost
