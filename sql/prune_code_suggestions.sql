-- Purpose: deletes a few suggestions about code that nobody has seen for long: their code is gone, or
--          is looked at no more. A rejected one stays, to be silent if it comes back, and so do an
--          older service's rows.
-- Index:   ai_code_suggestions_seen.
-- Caller:  Store.prune.
-- Locks:   those rows, unless somebody holds them.
WITH gone AS (
    DELETE FROM ai_code_suggestions WHERE id = ANY (ARRAY(
        SELECT t.id FROM ai_code_suggestions t
        WHERE t.last_seen_at < now() - make_interval(secs => %(older_seconds)s::double precision)
            AND t.request_id IS NOT NULL AND t.status <> 'rejected'
        ORDER BY t.last_seen_at LIMIT %(limit)s::integer
        FOR UPDATE SKIP LOCKED))
    RETURNING id
)
SELECT count(*)::integer AS pruned FROM gone
