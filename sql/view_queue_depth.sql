-- Purpose: the rows of ai_queue_depth as JSON, for an agent.
-- Index:   those of the view.
-- Caller:  Store.view.
-- Locks:   none.
SELECT to_jsonb(v) AS value FROM ai_queue_depth v ORDER BY v.task_type LIMIT 200
