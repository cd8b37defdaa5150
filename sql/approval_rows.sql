-- Purpose: questions to people, oldest first, as the API shows them: open ones (of requests
--          that have not ended), all, or one.
-- Index:   ai_approvals_open; primary key of ai_approvals. Planned anew for its values.
-- Caller:  GET /api/approvals, POST /api/approvals/{id}.
-- Locks:   none.
SELECT a.id, a.request_id, a.key, coalesce(r.task_type, '') AS task_type, a.question,
    a.answer ->> 'decision' AS decision, a.decided_by, a.decided_at, a.expires_at, a.created_at
FROM ai_approvals a LEFT JOIN ai_requests r ON r.id = a.request_id
WHERE (%(approval_id)s::bigint IS NULL OR a.id = %(approval_id)s::bigint)
    AND (%(every)s::boolean OR a.decided_at IS NULL AND r.finished_at IS NULL)
ORDER BY a.id LIMIT 200
