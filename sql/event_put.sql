-- Purpose: stores progress of attempts that still have their request, with one NOTIFY for all.
-- Index:   primary keys of ai_requests and ai_attempts.
-- Caller:  Store.events_put.
-- Locks:   none on requests: a row that comes a moment late is only a line too many.
WITH stored AS (
    INSERT INTO ai_request_events (request_id, fence, node, percent, message)
    SELECT r.id, r.fence, left(x.node, 100), least(100, greatest(0, x.percent)),
        left(coalesce(x.message, ''), 500)
    FROM jsonb_to_recordset(%(events)s::jsonb) AS x(request_id bigint, fence bigint,
        worker_id text, node text, percent integer, message text)
    CROSS JOIN LATERAL (
        SELECT q.id, q.fence FROM ai_requests q
        WHERE q.id = x.request_id AND q.fence = x.fence AND q.status = 'running') r
    WHERE EXISTS (
        SELECT FROM ai_attempts a
        WHERE a.request_id = x.request_id AND a.fence = x.fence AND a.worker_id = x.worker_id)
    RETURNING request_id
)
SELECT count(*)::integer AS stored,
    CASE WHEN count(*) > 0 AND pg_notification_queue_usage() < 0.5
        THEN pg_notify('ai_events', '')::text END AS told
FROM stored
