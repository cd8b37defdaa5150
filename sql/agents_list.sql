-- Purpose: the agents in use, with their configuration.
-- Index:   none; a handful of rows.
-- Caller:  Store.agents_list.
-- Locks:   none.
SELECT a.id, a.name, a.type, a.enabled, a.config, a.version, a.problem
FROM ai_agents a WHERE a.archived_at IS NULL ORDER BY a.type
