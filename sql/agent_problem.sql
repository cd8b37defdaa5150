-- Purpose: shows on an agent's row why it cannot work; NULL that it can.
-- Index:   ai_agents_type.
-- Caller:  Store.agent_problem.
-- Locks:   the agent's row.
UPDATE ai_agents a SET problem = %(problem)s::text
WHERE a.type = %(task_type)s::text AND a.archived_at IS NULL
    AND a.problem IS DISTINCT FROM %(problem)s::text
