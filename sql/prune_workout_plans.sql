-- Purpose: deletes a few old workout plans, with their items.
-- Index:   primary key: the oldest rows have the lowest ids, so only those are looked at.
-- Caller:  Store.prune.
-- Locks:   those rows, unless somebody holds them.
WITH gone AS (
    DELETE FROM ai_workout_plans WHERE id = ANY (ARRAY(
        SELECT t.id FROM ai_workout_plans t
        WHERE t.id = ANY (ARRAY(
                SELECT o.id FROM ai_workout_plans o ORDER BY o.id LIMIT %(limit)s::integer))
            AND t.created_at < now() - make_interval(secs => %(older_seconds)s::double precision)
        FOR UPDATE SKIP LOCKED))
    RETURNING id
)
SELECT count(*)::integer AS pruned FROM gone
