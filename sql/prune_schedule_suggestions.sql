-- Purpose: deletes a few old proposed times.
-- Index:   primary key: the oldest rows have the lowest ids, so only those are looked at.
-- Caller:  Store.prune.
-- Locks:   those rows, unless somebody holds them.
WITH gone AS (
    DELETE FROM ai_schedule_suggestions WHERE id = ANY (ARRAY(
        SELECT t.id FROM ai_schedule_suggestions t
        WHERE t.id = ANY (ARRAY(
                SELECT o.id FROM ai_schedule_suggestions o ORDER BY o.id LIMIT %(limit)s::integer))
            AND t.created_at < now() - make_interval(secs => %(older_seconds)s::double precision)
        FOR UPDATE SKIP LOCKED))
    RETURNING id
)
SELECT count(*)::integer AS pruned FROM gone
