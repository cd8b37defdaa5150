-- Purpose: makes a replay's request run under this process, with what its model kept: steps and
--          people's answers. If this process dies its lease lapses, and the request fails.
-- Index:   primary keys.
-- Caller:  python -m daemon replay, in the transaction of replay_insert.sql.
-- Locks:   the new request.
WITH started AS (
    UPDATE ai_requests r
    SET status = 'running', started_at = clock_timestamp(), attempt = 1, fence = 1, checked = true
    WHERE r.id = %(id)s::bigint AND r.status = 'pending'
    RETURNING r.id, r.fence, r.task_type, r.fair_key
),
attempt AS (
    INSERT INTO ai_attempts (request_id, fence, attempt, worker_id, started_at)
    SELECT s.id, s.fence, 1, %(worker_id)s::text, clock_timestamp() FROM started s
),
lease AS (
    INSERT INTO ai_leases (request_id, fence, task_type, fair_key, worker_id, expires_at)
    SELECT s.id, s.fence, s.task_type, s.fair_key, %(worker_id)s::text,
        clock_timestamp() + make_interval(secs => %(seconds)s::double precision)
    FROM started s
),
steps AS (
    INSERT INTO ai_steps (request_id, name, value, fence)
    SELECT s.id, k.name, k.value, s.fence
    FROM started s, ai_steps k
    WHERE k.request_id = %(original)s::bigint AND k.name NOT LIKE 'rows:%%'
),
answers AS (
    INSERT INTO ai_approvals (request_id, key, question, answer, decided_at, decided_by)
    SELECT s.id, a.key, a.question, a.answer, a.decided_at, a.decided_by
    FROM started s, ai_approvals a
    WHERE a.request_id = %(original)s::bigint AND a.decided_at IS NOT NULL
)
SELECT s.id, s.fence FROM started s
