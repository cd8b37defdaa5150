-- Purpose: what people thought of an agent's answers, by version of its configuration.
-- Index:   ai_feedback_task.
-- Caller:  the console's page of an agent.
-- Locks:   none.
SELECT f.agent_version, f.opinions, f.helpful, f.acceptance_rate
FROM ai_feedback_summary f
WHERE f.task_type = %(task_type)s::text
ORDER BY f.agent_version DESC NULLS LAST LIMIT 100
