-- Purpose: one page of suggestions about the main app's code, by status, newest first.
-- Index:   ai_code_suggestions_listed.
-- Caller:  the console: suggestions. Planned anew for its values.
-- Locks:   none.
SELECT s.id, s.file_path, s.line, s.issue_type, s.severity, s.description, s.status, s.rule,
    s.confidence, s.created_at, s.last_seen_at, s.seen_count, s.gone_at, s.decided_by,
    s.resolved_at, s.diff IS NOT NULL AS has_diff, s.repository
FROM ai_code_suggestions s
WHERE s.status = %(status)s::text
    AND (%(severity)s::text IS NULL OR s.severity = %(severity)s::text)
    AND s.created_at <= coalesce(%(ended)s::timestamptz, 'infinity')
    AND (%(ended)s::timestamptz IS NULL
        OR (s.created_at, s.id) < (%(ended)s::timestamptz, %(before)s::bigint))
ORDER BY s.created_at DESC, s.id DESC LIMIT %(limit)s::integer
