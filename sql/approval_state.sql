-- Purpose: how a question was answered, for the person who came second; or how its request ended.
-- Index:   ai_approvals by request_id and key; primary key of ai_requests.
-- Caller:  daemon.web.actions.
-- Locks:   none.
SELECT a.decided_by, a.answer ->> 'decision' AS decision, a.decided_at IS NOT NULL AS decided,
    r.status
FROM ai_approvals a JOIN ai_requests r ON r.id = a.request_id
WHERE a.request_id = %(request_id)s::bigint AND a.key = %(key)s::text
