-- Purpose: typed rows that wait to be written, oldest first, after the one that was tried last
--          (created_at null: from the oldest on).
-- Index:   ai_steps_rows.
-- Caller:  Store.redo_projections.
-- Locks:   none.
SELECT s.created_at, s.request_id, s.name, s.value, r.agent_version
FROM ai_steps s LEFT JOIN ai_requests r ON r.id = s.request_id
WHERE s.name LIKE 'rows:%%'
    AND (s.created_at, s.request_id, s.name) > (
        coalesce(%(created_at)s::timestamptz, '-infinity'),
        %(request_id)s::bigint, %(name)s::text)
ORDER BY s.created_at, s.request_id, s.name
LIMIT %(limit)s::integer
