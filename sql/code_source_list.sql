-- Purpose: where code is read from, and how the last look went.
-- Index:   none: a handful of rows.
-- Caller:  Store.code_source_list.
-- Locks:   none.
SELECT s.name, s.kind, s.location, s.repository, s.branch, s.last_commit, s.etag, s.enabled,
    s.every_seconds, s.last_checked_at, s.problem, s.request_id
FROM ai_code_sources s ORDER BY s.name
