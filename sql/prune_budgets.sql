-- Purpose: deletes a few old counts of days, months and requests; never a limit that an admin set.
-- Index:   none; read whole, once an hour.
-- Caller:  Store.prune.
-- Locks:   those rows, unless somebody holds them.
WITH gone AS (
    DELETE FROM ai_budgets b WHERE (b.scope, b.period) IN (
        SELECT q.scope, q.period FROM ai_budgets q
        WHERE q.updated_at < now() - make_interval(secs => %(older_seconds)s::double precision)
            AND q.period NOT IN ('day', 'month')
        LIMIT %(limit)s::integer
        FOR UPDATE SKIP LOCKED)
    RETURNING b.scope
)
SELECT count(*)::integer AS pruned FROM gone
