-- Purpose: deletes a few old healing actions.
-- Index:   ai_healing_actions_started.
-- Caller:  Store.prune.
-- Locks:   those rows, unless somebody holds them.
WITH gone AS (
    DELETE FROM ai_healing_actions WHERE id = ANY (ARRAY(
        SELECT a.id FROM ai_healing_actions a
        WHERE a.started_at < now() - make_interval(secs => %(older_seconds)s::double precision)
        ORDER BY a.started_at LIMIT %(limit)s::integer
        FOR UPDATE SKIP LOCKED))
    RETURNING id
)
SELECT count(*)::integer AS pruned FROM gone
