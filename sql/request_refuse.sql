-- Purpose: fails requests that no attempt holds: unknown type, bad input, disabled agent.
-- Index:   primary key of ai_requests.
-- Caller:  Store.refuse.
-- Locks:   those requests, unless somebody holds them; a claim that was faster refuses them itself.
WITH refused AS (
    SELECT x.id, x.error
    FROM jsonb_to_recordset(%(refusals)s::jsonb) AS x(id bigint, error jsonb)
),
locked AS MATERIALIZED (
    SELECT r.id FROM ai_requests r
    WHERE r.id = ANY (ARRAY(SELECT refused.id FROM refused))
        AND r.status = 'pending'
    ORDER BY r.id
    FOR UPDATE SKIP LOCKED
),
failed AS (
    UPDATE ai_requests r
    SET status = 'failed', error = refused.error, checked = true, finished_at = clock_timestamp()
    FROM refused
    WHERE r.id = refused.id AND r.id = ANY (ARRAY(SELECT locked.id FROM locked))
        AND r.status = 'pending'
    RETURNING r.id
)
SELECT f.id, t.told
FROM failed f
CROSS JOIN LATERAL (
    SELECT CASE WHEN pg_notification_queue_usage() < 0.5
        THEN pg_notify('ai_results', format('{"id": %%s, "status": "failed"}', f.id))::text
        END AS told) t
