-- Purpose: suggestions of a status, newest first, as the API shows them; or one, whatever its status.
-- Index:   ai_code_suggestions_listed; primary key.
-- Caller:  GET /api/suggestions, PUT /api/suggestions/{id}. Planned anew for its values.
-- Locks:   none.
SELECT s.id, s.file_path, s.line, s.issue_type, s.severity, s.description, s.suggestion,
    coalesce(s.code_snippet, '') AS code_snippet, s.diff, s.rule, s.confidence, s.status,
    s.decided_by, s.decision_reason AS reason, s.created_at, s.resolved_at
FROM ai_code_suggestions s
WHERE (%(suggestion_id)s::bigint IS NULL OR s.id = %(suggestion_id)s::bigint)
    AND (%(status)s::text IS NULL OR s.status = %(status)s::text)
    AND (%(severity)s::text IS NULL OR s.severity = %(severity)s::text)
ORDER BY s.created_at DESC, s.id DESC LIMIT 100
