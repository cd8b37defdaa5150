-- Purpose: past requests to replay, with what became of them: those named, else the newest of a type.
-- Index:   primary keys of ai_requests and ai_results; ai_requests_finished_at.
-- Caller:  python -m daemon replay.
-- Locks:   none.
SELECT r.id, r.task_type, i.input_text, r.requested_by, r.fair_key,
    r.created_at, r.status, r.mode, r.degraded_reason, r.cost_usd, r.error ->> 'code' AS error_code,
    s.result::text AS result_text
FROM ai_requests r
LEFT JOIN ai_results s ON s.request_id = r.id
CROSS JOIN LATERAL ai_input_v1(r.input_data, 8388608) i
WHERE i.input_text IS NOT NULL AND r.status IN ('completed', 'failed') AND r.task_type <> %(replay_type)s::text
    AND CASE WHEN cardinality(%(ids)s::bigint[]) > 0 THEN r.id = ANY (%(ids)s::bigint[])
        ELSE r.status = 'completed' AND r.finished_at IS NOT NULL
            AND r.task_type = coalesce(%(task_type)s::text, r.task_type) END
ORDER BY r.finished_at DESC, r.id DESC LIMIT %(limit)s::integer
