-- Purpose: the commonest error codes of the newest 5,000 failed requests of a window, by step.
-- Index:   ai_requests_finished_at.
-- Caller:  the console's metrics.
-- Locks:   none.
SELECT to_timestamp(extract(epoch FROM %(step)s::interval)
    * floor(extract(epoch FROM f.finished_at) / extract(epoch FROM %(step)s::interval))) AS at, f.code AS name,
    count(*) AS requests
FROM (
    SELECT r.finished_at, coalesce(r.error ->> 'code', 'none') AS code FROM ai_requests r
    WHERE r.status = 'failed' AND r.finished_at >= %(since)s::timestamptz
        AND (%(task_type)s::text IS NULL OR r.task_type = %(task_type)s::text)
    ORDER BY r.finished_at DESC LIMIT 5000
) f
GROUP BY 1, 2 ORDER BY 1, 2
