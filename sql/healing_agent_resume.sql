-- Purpose: gives an agent its limit back after its pause, since it works again.
-- Index:   primary keys of ai_control and ai_healing_actions.
-- Caller:  the rule pause_agent.
-- Locks:   both rows.
WITH control AS (
    UPDATE ai_control c
    SET paused = false, resume_at = NULL, concurrency = greatest(c.concurrency,
        %(concurrency)s::integer)
    WHERE c.task_type = %(task_type)s::text AND (NOT c.paused OR c.resume_at <= now())
    RETURNING c.task_type
)
UPDATE ai_healing_actions a
SET after = coalesce(a.after, '{}') || jsonb_build_object('resumed_at', now())
WHERE a.id = %(action_id)s::bigint AND EXISTS (SELECT FROM control)
RETURNING a.id
