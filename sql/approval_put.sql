-- Purpose: asks a person, once per request and key; gives back the question as it stands. No row:
--          the request is somebody else's.
-- Index:   primary keys of ai_requests and ai_attempts; ai_approvals by request_id and key.
-- Caller:  Store.approval_put.
-- Locks:   none on rows that others wait for: a person who answers holds the approval and waits for
--          the request, so nobody may hold the request and wait for the approval.
WITH held AS MATERIALIZED (
    SELECT r.id FROM ai_requests r
    JOIN ai_attempts a ON a.request_id = r.id AND a.fence = r.fence
    WHERE r.id = %(request_id)s::bigint AND r.fence = %(fence)s::bigint
        AND r.status = 'running' AND a.worker_id = %(worker_id)s::text
),
asked AS (
    INSERT INTO ai_approvals (request_id, key, question, expires_at)
    SELECT held.id, %(key)s::text, %(question)s::jsonb,
        clock_timestamp() + make_interval(secs => %(expires_seconds)s::double precision)
    FROM held
    ON CONFLICT (request_id, key) DO NOTHING
    RETURNING key, decided_at IS NOT NULL AS decided, answer, decided_by
)
SELECT key, decided, answer, decided_by FROM asked
UNION ALL
SELECT a.key, a.decided_at IS NOT NULL, a.answer, a.decided_by
FROM ai_approvals a JOIN held ON held.id = a.request_id
WHERE a.key = %(key)s::text AND NOT EXISTS (SELECT FROM asked)
