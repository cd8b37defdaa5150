-- Purpose: deletes a few old progress rows.
-- Index:   ai_request_events_created.
-- Caller:  Store.prune.
-- Locks:   those rows, unless somebody holds them.
WITH gone AS (
    DELETE FROM ai_request_events WHERE id = ANY (ARRAY(
        SELECT e.id FROM ai_request_events e
        WHERE e.created_at < now() - make_interval(secs => %(older_seconds)s::double precision)
        ORDER BY e.created_at LIMIT %(limit)s::integer
        FOR UPDATE SKIP LOCKED))
    RETURNING id
)
SELECT count(*)::integer AS pruned FROM gone
