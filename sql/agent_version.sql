-- Purpose: the configuration an agent had at one version.
-- Index:   primary key of ai_agent_versions.
-- Caller:  Store.agent_version.
-- Locks:   none.
SELECT v.config FROM ai_agent_versions v
JOIN ai_agents a ON a.id = v.agent_id
WHERE a.type = %(task_type)s::text AND v.version = %(version)s::integer
ORDER BY a.archived_at DESC NULLS FIRST LIMIT 1
