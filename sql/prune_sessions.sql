-- Purpose: deletes a few sessions that ended long ago.
-- Index:   ai_sessions_expires.
-- Caller:  Store.prune.
-- Locks:   those rows, unless somebody holds them.
WITH gone AS (
    DELETE FROM ai_sessions WHERE id = ANY (ARRAY(
        SELECT s.id FROM ai_sessions s
        WHERE s.expires_at < now() - make_interval(secs => %(older_seconds)s::double precision)
        ORDER BY s.expires_at LIMIT %(limit)s::integer
        FOR UPDATE SKIP LOCKED))
    RETURNING id
)
SELECT count(*)::integer AS pruned FROM gone
