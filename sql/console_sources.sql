-- Purpose: where code is read from, and how the last look at it went.
-- Index:   none: a handful of rows.
-- Caller:  the console: suggestions.
-- Locks:   none.
SELECT s.name, s.location, s.branch, s.last_commit, s.last_checked_at, s.problem, s.request_id
FROM ai_code_sources s
WHERE s.enabled
ORDER BY s.name LIMIT 20
