-- Purpose: a person's answer to an open question; the first one counts.
-- Index:   ai_approvals by request_id and key.
-- Caller:  Store.approval_answer.
-- Locks:   the approval, then, in the trigger, the request.
UPDATE ai_approvals a
SET answer = %(answer)s::jsonb, decided_by = %(decided_by)s::text, decided_at = clock_timestamp()
WHERE a.request_id = %(request_id)s::bigint AND a.key = %(key)s::text AND a.decided_at IS NULL
RETURNING a.key
