-- Purpose: the rows of ai_agent_performance as JSON, for an agent.
-- Index:   those of the view.
-- Caller:  Store.view.
-- Locks:   none.
SELECT to_jsonb(v) AS value FROM ai_agent_performance v ORDER BY v.task_type LIMIT 200
