-- Purpose: whether an agent is paused now.
-- Index:   primary key of ai_control.
-- Caller:  the rule pause_agent.
-- Locks:   none.
SELECT c.paused AND (c.resume_at IS NULL OR c.resume_at > now()) AS paused
FROM ai_control c WHERE c.task_type = %(task_type)s::text
