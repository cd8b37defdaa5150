-- The newest 1,000 requests that failed and 1,000 that expired: what went wrong, and the statement
-- that opens each again. Older ones are in ai_requests. Reads ai_requests_finished_at.
CREATE VIEW ai_dead_letters AS
SELECT r.id,
    r.task_type,
    r.status,
    r.error ->> 'code' AS error_code,
    r.error ->> 'message' AS error_message,
    r.error ->> 'hint' AS hint,
    r.attempt AS attempts,
    r.lost_count,
    a.worker_id AS last_worker,
    r.requested_by,
    r.fair_key,
    r.cost_usd,
    r.created_at,
    r.finished_at,
    format('SELECT ai_retry(%s)', r.id) AS retry_with
FROM (VALUES ('failed'), ('expired')) AS ended (status)
CROSS JOIN LATERAL (
    SELECT q.* FROM ai_requests q
    WHERE q.status = ended.status AND q.finished_at IS NOT NULL
    ORDER BY q.finished_at DESC LIMIT 1000
) r
LEFT JOIN ai_attempts a ON a.request_id = r.id AND a.fence = r.fence
ORDER BY r.finished_at DESC;
