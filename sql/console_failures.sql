-- Purpose: what the last 1,000 failed requests failed of, by error code and agent, newest group first.
-- Index:   ai_requests_finished_at.
-- Caller:  the console's overview.
-- Locks:   none.
--
-- more: not all may have been looked at, so that each cause may have more.
SELECT f.code, f.task_type, count(*) AS requests, sum(count(*)) OVER () = 1000 AS more,
    max(f.finished_at) AS newest,
    (array_agg(f.id ORDER BY f.finished_at DESC))[1] AS newest_id,
    (array_agg(f.message ORDER BY f.finished_at DESC))[1] AS message,
    (array_agg(f.hint ORDER BY f.finished_at DESC))[1] AS hint
FROM (
    SELECT r.id, r.task_type, r.finished_at, r.error ->> 'code' AS code,
        left(r.error ->> 'message', 300) AS message, left(r.error ->> 'hint', 300) AS hint
    FROM ai_requests r
    WHERE r.status = 'failed' AND r.finished_at > now() - interval '30 days'
    ORDER BY r.finished_at DESC LIMIT 1000
) f
GROUP BY f.code, f.task_type
ORDER BY newest DESC LIMIT 20
