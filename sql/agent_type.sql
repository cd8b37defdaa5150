-- Purpose: which type an agent answers, archived or not.
-- Index:   primary key of ai_agents.
-- Caller:  GET /api/executions?agent_id=, GET /api/metrics?agent_id=.
-- Locks:   none.
SELECT a.type FROM ai_agents a WHERE a.id = %(agent_id)s::integer
