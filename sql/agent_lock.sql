-- Purpose: an agent as it stands, held while a change of it is decided on.
-- Index:   primary key of ai_agents.
-- Caller:  daemon.web.actions.
-- Locks:   the agent.
SELECT a.id, a.name, a.type, a.description, a.config, a.enabled, a.version, a.archived_at
FROM ai_agents a WHERE a.id = %(agent_id)s::integer FOR UPDATE
