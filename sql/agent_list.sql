-- Purpose: the agents in use as the API shows them, or one.
-- Index:   none; a handful of rows.
-- Caller:  GET /api/agents, GET /api/agents/{id}.
-- Locks:   none.
SELECT a.id, a.name, a.type, coalesce(a.description, '') AS description, a.status, a.config,
    a.enabled, a.version, a.problem, a.created_at, a.updated_at,
    coalesce(c.paused AND (c.resume_at IS NULL OR c.resume_at > now()), false) AS paused
FROM ai_agents a LEFT JOIN ai_control c ON c.task_type = a.type
WHERE a.archived_at IS NULL
    AND (%(agent_id)s::integer IS NULL OR a.id = %(agent_id)s::integer)
ORDER BY a.id LIMIT 1000
