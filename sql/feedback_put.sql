-- Purpose: one person's word on an answer or an item of it; replaces what they said of it before.
--          problem: why it counts nowhere, NULL if it does.
-- Index:   none of its own; see ai_feedback_v1.
-- Caller:  daemon.web.actions.
-- Locks:   an advisory transaction lock on request, item and person.
INSERT INTO ai_feedback (request_id, item_id, verdict, reason, given_by)
VALUES (%(request_id)s::bigint, %(item_id)s::text, %(verdict)s::text, %(reason)s::text,
    %(given_by)s::text)
RETURNING id, request_id, item_id, task_type, verdict, problem
