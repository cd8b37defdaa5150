-- Purpose: one page of the requests that ended in a status, the last ended first.
-- Index:   ai_requests_finished_at.
-- Caller:  the console's list of requests. Planned anew for its values: what is NULL falls away.
-- Locks:   none.
SELECT r.id, r.task_type, r.status, r.mode, r.degraded_reason, r.attempt, r.cost_usd,
    r.created_at, r.run_after, r.finished_at, r.lost_count, r.requested_by, false AS cancelling,
    r.error ->> 'code' AS error_code, left(r.error ->> 'message', 300) AS error_message,
    (SELECT i.input_text::jsonb FROM ai_input_v1(r.input_data, 4096) i) AS input_data
FROM ai_requests r
WHERE r.status = %(status)s::text AND r.finished_at IS NOT NULL
    AND r.finished_at <= coalesce(%(ended)s::timestamptz, 'infinity')
    AND (%(ended)s::timestamptz IS NULL
        OR (r.finished_at, r.id) < (%(ended)s::timestamptz, %(before)s::bigint))
    AND r.finished_at >= coalesce(%(since)s::timestamptz, '-infinity')
    AND (%(task_type)s::text IS NULL OR r.task_type = %(task_type)s::text)
    AND (%(client)s::text IS NULL OR r.input_data ->> 'client_id' = %(client)s::text)
    AND (%(code)s::text IS NULL OR r.error ->> 'code' = %(code)s::text)
ORDER BY r.finished_at DESC, r.id DESC LIMIT %(limit)s::integer
