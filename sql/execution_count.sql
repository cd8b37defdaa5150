-- Purpose: how many requests a list has, counted up to 10,001.
-- Index:   as in execution_list.sql and execution_list_ended.sql.
-- Caller:  GET /api/executions. Planned anew for its values: what is NULL falls away.
-- Locks:   none.
SELECT count(*)::integer AS total FROM (
    SELECT FROM ai_requests q
    WHERE (%(status)s::text IS NULL OR q.status = %(status)s::text)
        AND (%(status)s::text IS DISTINCT FROM 'pending' OR q.priority >= -32768)
        AND (NOT %(is_ended)s::boolean OR q.finished_at IS NOT NULL)
        AND (%(task_type)s::text IS NULL OR q.task_type = %(task_type)s::text)
    LIMIT 10001
) counted
