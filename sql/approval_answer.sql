-- Purpose: a person's answer to an open question; the first one counts.
-- Index:   ai_approvals by request_id and key.
-- Caller:  python -m daemon approvals; daemon.web.actions.
-- Locks:   see ai_answer.
SELECT ai_answer(%(request_id)s::bigint, %(key)s::text, %(answer)s::jsonb, %(decided_by)s::text,
    %(channel)s::text) AS answered
