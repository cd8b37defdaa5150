-- Purpose: questions to people: the open ones, oldest first, or the newest answered ones. What a
--          request asked that has ended, because it was cancelled say, nobody waits for any more.
-- Index:   ai_approvals_open; primary key of ai_approvals; unique key by request.
-- Caller:  the console: approvals.
-- Locks:   none.
(SELECT a.id, a.request_id, a.key, a.question, a.answer, a.decided_at, a.decided_by, a.expires_at,
    a.created_at, r.task_type, r.requested_by, r.status, r.input_data ->> 'client_id' AS client
FROM ai_approvals a LEFT JOIN ai_requests r ON r.id = a.request_id
WHERE a.decided_at IS NULL AND r.finished_at IS NULL AND %(open)s::boolean
    AND (%(request_id)s::bigint IS NULL OR a.request_id = %(request_id)s::bigint)
ORDER BY a.id LIMIT 26)
UNION ALL
(SELECT a.id, a.request_id, a.key, a.question, a.answer, a.decided_at, a.decided_by, a.expires_at,
    a.created_at, r.task_type, r.requested_by, r.status, r.input_data ->> 'client_id'
FROM ai_approvals a LEFT JOIN ai_requests r ON r.id = a.request_id
WHERE a.decided_at IS NOT NULL AND NOT %(open)s::boolean
    AND (%(request_id)s::bigint IS NULL OR a.request_id = %(request_id)s::bigint)
ORDER BY a.id DESC LIMIT 25)
