-- Purpose: the live limits.
-- Index:   none; a handful of rows.
-- Caller:  Store.control_list.
-- Locks:   none.
SELECT c.task_type, c.paused, c.resume_at, c.concurrency, c.per_key, c.starts_per_minute
FROM ai_control c ORDER BY c.task_type
