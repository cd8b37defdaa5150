-- Purpose: changes an agent; a trigger keeps the version and tells the daemons. config: NULL leaves
--          it as it is.
-- Index:   primary key of ai_agents.
-- Caller:  daemon.web.actions, in the transaction of agent_lock.sql.
-- Locks:   the agent.
UPDATE ai_agents a
SET name = %(name)s::text, type = %(type)s::text, description = %(description)s::text,
    config = coalesce(%(config)s::jsonb, a.config), enabled = %(enabled)s::boolean,
    updated_by = %(by)s::text,
    archived_at = CASE WHEN %(archive)s::boolean THEN coalesce(a.archived_at, now()) END
WHERE a.id = %(agent_id)s::integer
RETURNING a.version
