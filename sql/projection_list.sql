-- Purpose: typed rows that wait to be written, oldest first.
-- Index:   ai_steps_rows.
-- Caller:  Store.redo_projections.
-- Locks:   none.
SELECT s.request_id, s.name, s.value, r.agent_version
FROM ai_steps s LEFT JOIN ai_requests r ON r.id = s.request_id
WHERE s.name LIKE 'rows:%%'
ORDER BY s.created_at
LIMIT %(limit)s::integer
