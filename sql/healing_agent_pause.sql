-- Purpose: pauses an agent, for a while or until a person resumes it; afterwards one request at a
--          time may try.
-- Index:   primary key of ai_control.
-- Caller:  the rule pause_agent.
-- Locks:   that row.
--
-- seconds NULL: it stays paused. An agent whose pause is over, and that tried in vain, is paused anew.
UPDATE ai_control c
SET paused = true, concurrency = least(c.concurrency, 1),
    resume_at = now() + make_interval(secs => %(seconds)s::double precision)
WHERE c.task_type = %(task_type)s::text AND (NOT c.paused OR c.resume_at <= now())
RETURNING c.task_type
