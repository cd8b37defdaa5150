-- Purpose: one page of requests, newest first: all of them, or the live ones of a status.
-- Index:   primary key of ai_requests; ai_requests_claim for pending, ai_requests_live for running
--          and waiting, ai_requests_idempotency for a rare agent.
-- Caller:  the console's list of requests. Planned anew for its values: what is NULL falls away.
-- Locks:   none.
SELECT r.id, r.task_type, r.status, r.mode, r.degraded_reason, r.attempt, r.cost_usd,
    r.created_at, r.run_after, r.finished_at, r.lost_count, r.requested_by,
    r.cancel_requested_at IS NOT NULL AS cancelling,
    r.error ->> 'code' AS error_code, left(r.error ->> 'message', 300) AS error_message,
    (SELECT i.input_text::jsonb FROM ai_input_v1(r.input_data, 4096) i) AS input_data
FROM ai_requests r
WHERE (%(before)s::bigint IS NULL OR r.id < %(before)s::bigint)
    AND (%(status)s::text IS NULL OR r.status = %(status)s::text)
    AND (%(status)s::text IS DISTINCT FROM 'pending' OR r.priority >= -32768)
    AND (%(task_type)s::text IS NULL OR r.task_type = %(task_type)s::text)
    AND (%(client)s::text IS NULL OR r.input_data ->> 'client_id' = %(client)s::text)
    AND (%(code)s::text IS NULL OR r.error ->> 'code' = %(code)s::text)
ORDER BY r.id DESC LIMIT %(limit)s::integer
