-- Purpose: requests that ended long ago, oldest first, behind a place in that order.
-- Index:   ai_requests_finished_at.
-- Caller:  Store.old_requests.
-- Locks:   none.
SELECT r.finished_at, r.id FROM ai_requests r
WHERE r.finished_at < now() - make_interval(secs => %(older_seconds)s::double precision)
    AND r.status = %(status)s::text
    AND (r.finished_at, r.id) > (
        coalesce(%(after_at)s::timestamptz, '-infinity'), coalesce(%(after_id)s::bigint, 0))
ORDER BY r.finished_at, r.id LIMIT %(limit)s::integer
