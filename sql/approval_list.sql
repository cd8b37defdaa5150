-- Purpose: questions that wait for a person, oldest first; with `every`, answered ones too, and
--          those of requests that have ended.
-- Index:   ai_approvals_open.
-- Caller:  python -m daemon approvals list.
-- Locks:   none.
SELECT a.request_id, r.task_type, a.key, a.question, a.answer, a.decided_by,
    a.decided_at::text AS decided_at, a.expires_at::text AS expires_at,
    a.created_at::text AS created_at, CASE WHEN r.finished_at IS NOT NULL THEN r.status END AS ended
FROM ai_approvals a
LEFT JOIN ai_requests r ON r.id = a.request_id
WHERE (a.decided_at IS NULL AND r.finished_at IS NULL OR %(every)s::boolean)
ORDER BY a.id LIMIT %(limit)s::integer
