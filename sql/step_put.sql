-- Purpose: keeps a step's value, for whoever still has the request; gives back the value that was
--          kept first. No row: the request is somebody else's.
-- Index:   primary keys of ai_requests, ai_attempts, ai_steps.
-- Caller:  Store.step_put.
-- Locks:   the request, shared, so that it cannot change hands meanwhile; the step.
WITH held AS MATERIALIZED (
    SELECT r.id, r.fence FROM ai_requests r
    JOIN ai_attempts a ON a.request_id = r.id AND a.fence = r.fence
    WHERE r.id = %(request_id)s::bigint AND r.fence = %(fence)s::bigint
        AND r.status = 'running' AND a.worker_id = %(worker_id)s::text
    FOR SHARE OF r
)
INSERT INTO ai_steps AS s (request_id, name, value, fence)
SELECT held.id, %(name)s::text, %(value)s::jsonb, held.fence FROM held
ON CONFLICT (request_id, name) DO UPDATE SET name = excluded.name
RETURNING s.value::text AS value_text
