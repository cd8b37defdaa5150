-- Purpose: how a question was answered, for the person who came second.
-- Index:   ai_approvals by request_id and key.
-- Caller:  daemon.web.actions.
-- Locks:   none.
SELECT a.decided_by, a.answer ->> 'decision' AS decision FROM ai_approvals a
WHERE a.request_id = %(request_id)s::bigint AND a.key = %(key)s::text
