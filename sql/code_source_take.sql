-- Purpose: takes the sources whose time has come, each for one of several daemons: whoever takes one
--          notes it as looked at.
-- Index:   none: a handful of rows.
-- Caller:  Store.code_source_take.
-- Locks:   those rows, unless somebody holds them.
WITH due AS (
    SELECT s.name FROM ai_code_sources s
    WHERE s.enabled AND s.name = ANY (%(names)s::text[])
        AND (s.last_checked_at IS NULL
            OR s.last_checked_at <= now() - make_interval(secs => s.every_seconds))
    FOR UPDATE SKIP LOCKED
)
UPDATE ai_code_sources s SET last_checked_at = now()
FROM due WHERE s.name = due.name
RETURNING s.name, s.kind, s.location, s.repository, s.branch, s.last_commit, s.etag
