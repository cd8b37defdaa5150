-- Purpose: what an agent was at one version, to go back to it.
-- Index:   primary key of ai_agent_versions.
-- Caller:  daemon.web.actions.
-- Locks:   none.
SELECT v.config, v.enabled, v.name FROM ai_agent_versions v
WHERE v.agent_id = %(agent_id)s::integer AND v.version = %(version)s::integer
