-- Purpose: deletes a few old audit lines.
-- Index:   ai_audit_log_at.
-- Caller:  Store.prune.
-- Locks:   those rows, unless somebody holds them.
WITH gone AS (
    DELETE FROM ai_audit_log WHERE id = ANY (ARRAY(
        SELECT l.id FROM ai_audit_log l
        WHERE l.at < now() - make_interval(secs => %(older_seconds)s::double precision)
        ORDER BY l.at LIMIT %(limit)s::integer
        FOR UPDATE SKIP LOCKED))
    RETURNING id
)
SELECT count(*)::integer AS pruned FROM gone
