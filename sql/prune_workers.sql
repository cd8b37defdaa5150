-- Purpose: deletes a few workers that have shown no life for long.
-- Index:   none; a handful of rows.
-- Caller:  Store.prune.
-- Locks:   those rows, unless somebody holds them.
WITH gone AS (
    DELETE FROM ai_workers WHERE worker_id = ANY (ARRAY(
        SELECT w.worker_id FROM ai_workers w
        WHERE w.heartbeat_at < now() - make_interval(secs => %(older_seconds)s::double precision)
        LIMIT %(limit)s::integer
        FOR UPDATE SKIP LOCKED))
    RETURNING worker_id
)
SELECT count(*)::integer AS pruned FROM gone
