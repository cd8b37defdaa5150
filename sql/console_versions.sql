-- Purpose: an agent's configurations, newest first, each with the one before it.
-- Index:   primary key of ai_agent_versions.
-- Caller:  the console's page of an agent.
-- Locks:   none.
SELECT v.version, v.config, v.enabled, v.name, v.changed_by, v.created_at,
    p.config AS before, p.enabled AS was_enabled, p.name AS was_name
FROM ai_agent_versions v
LEFT JOIN ai_agent_versions p ON p.agent_id = v.agent_id AND p.version = v.version::bigint - 1
WHERE v.agent_id = %(agent_id)s::integer
    AND v.version < coalesce(%(before)s::integer, 2147483647)
ORDER BY v.version DESC LIMIT 21
