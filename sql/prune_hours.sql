-- Purpose: deletes a few old rows of ai_hours.
-- Index:   primary key of ai_hours.
-- Caller:  Store.prune.
-- Locks:   those rows, unless somebody holds them.
WITH gone AS (
    DELETE FROM ai_hours h WHERE h.ctid = ANY (ARRAY(
        SELECT o.ctid FROM ai_hours o
        WHERE o.hour < now() - make_interval(secs => %(older_seconds)s::double precision)
        ORDER BY o.hour LIMIT %(limit)s::integer
        FOR UPDATE SKIP LOCKED))
    RETURNING hour
)
SELECT count(*)::integer AS pruned FROM gone
