-- Purpose: one page of the requests that ended in a status, the last ended first. Results over 64 kB
--          are left out.
-- Index:   ai_requests_finished_at. offset_rows is bounded by the caller.
-- Caller:  GET /api/executions?status=. Planned anew for its values: what is NULL falls away.
-- Locks:   none.
SELECT r.id, r.task_type, r.status, r.mode, r.degraded_reason, r.attempt, r.cost_usd,
    r.requested_by, r.created_at, r.started_at, r.finished_at, r.error, a.id AS agent_id,
    (SELECT i.input_text FROM ai_input_v1(r.input_data, 65536) i) AS input_text,
    CASE WHEN pg_column_size(s.result) < 65536 THEN s.result::text END AS result_text,
    s.request_id IS NOT NULL AS answered
FROM (
    SELECT q.* FROM ai_requests q
    WHERE q.status = %(status)s::text AND q.finished_at IS NOT NULL
        AND (%(ended)s::timestamptz IS NULL
            OR (q.finished_at, q.id) < (%(ended)s::timestamptz, %(before)s::bigint))
        AND q.finished_at <= coalesce(%(ended)s::timestamptz, 'infinity')
        AND (%(task_type)s::text IS NULL OR q.task_type = %(task_type)s::text)
    ORDER BY q.finished_at DESC, q.id DESC
    LIMIT %(limit)s::integer OFFSET %(offset_rows)s::integer
) r
LEFT JOIN ai_results s ON s.request_id = r.id
LEFT JOIN ai_agents a ON a.type = r.task_type AND a.archived_at IS NULL
ORDER BY r.finished_at DESC, r.id DESC
