-- Purpose: a question and its answer, if there is one.
-- Index:   ai_approvals by request_id and key.
-- Caller:  Store.approval_get.
-- Locks:   none.
SELECT a.key, a.decided_at IS NOT NULL AS decided, a.answer, a.decided_by
FROM ai_approvals a
WHERE a.request_id = %(request_id)s::bigint AND a.key = %(key)s::text
