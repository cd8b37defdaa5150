-- Purpose: one page of a client's requests, newest first: the ended ones, and those among the newest
--          live ones.
-- Index:   ai_requests_client; ai_requests_live; ai_requests_claim.
-- Caller:  the console: list of requests, and beside a request. Planned anew for its values.
-- Locks:   none.
SELECT r.id, r.task_type, r.status, r.mode, r.degraded_reason, r.attempt, r.cost_usd,
    r.created_at, r.run_after, r.finished_at, r.lost_count, r.requested_by,
    r.cancel_requested_at IS NOT NULL AS cancelling,
    r.error ->> 'code' AS error_code, left(r.error ->> 'message', 300) AS error_message,
    (SELECT i.input_text::jsonb FROM ai_input_v1(r.input_data, 4096) i) AS input_data
FROM (
    (SELECT q.id FROM ai_requests q
    WHERE left(q.input_data ->> 'client_id', 40) = left(%(client)s::text, 40)
        AND q.input_data ->> 'client_id' = %(client)s::text AND q.finished_at IS NOT NULL
        AND (%(before)s::bigint IS NULL OR q.id < %(before)s::bigint)
        AND (%(status)s::text IS NULL OR q.status = %(status)s::text)
        AND (%(task_type)s::text IS NULL OR q.task_type = %(task_type)s::text)
        AND (%(code)s::text IS NULL OR q.error ->> 'code' = %(code)s::text)
    ORDER BY q.id DESC LIMIT %(limit)s::integer)
    UNION ALL
    (SELECT l.id FROM (
        (SELECT v.id, v.input_data, v.status, v.task_type, v.error FROM ai_requests v
        WHERE v.status IN ('running', 'waiting') LIMIT 2000)
        UNION ALL
        (SELECT p.id, p.input_data, p.status, p.task_type, p.error FROM ai_requests p
        WHERE p.status = 'pending' AND p.priority >= -32768 LIMIT 2000)
    ) l
    WHERE l.input_data ->> 'client_id' = %(client)s::text
        AND (%(before)s::bigint IS NULL OR l.id < %(before)s::bigint)
        AND (%(status)s::text IS NULL OR l.status = %(status)s::text)
        AND (%(task_type)s::text IS NULL OR l.task_type = %(task_type)s::text)
        AND (%(code)s::text IS NULL OR l.error ->> 'code' = %(code)s::text))
) found
JOIN ai_requests r ON r.id = found.id
ORDER BY r.id DESC LIMIT %(limit)s::integer
