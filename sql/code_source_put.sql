-- Purpose: a place that code is read from, as the settings name it. What an admin decided (enabled,
--          branch, pace) stays; another location starts without a known commit.
-- Index:   primary key of ai_code_sources.
-- Caller:  Store.code_source_put.
-- Locks:   the source's row.
INSERT INTO ai_code_sources AS s (name, kind, location, repository)
VALUES (%(name)s::text, %(kind)s::text, %(location)s::text, %(repository)s::text)
ON CONFLICT (name) DO UPDATE SET
    kind = excluded.kind, location = excluded.location, repository = excluded.repository,
    last_commit = CASE WHEN s.location = excluded.location THEN s.last_commit END,
    etag = CASE WHEN s.location = excluded.location THEN s.etag END,
    last_checked_at = CASE WHEN s.location = excluded.location THEN s.last_checked_at END
WHERE (s.kind, s.location, s.repository)
    IS DISTINCT FROM (excluded.kind, excluded.location, excluded.repository)
