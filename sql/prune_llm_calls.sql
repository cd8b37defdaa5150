-- Purpose: deletes a few old ledger lines of requests that are gone.
-- Index:   ai_llm_calls_started; primary key of ai_requests.
-- Caller:  Store.prune.
-- Locks:   those rows, unless somebody holds them.
WITH gone AS (
    DELETE FROM ai_llm_calls WHERE id = ANY (ARRAY(
        SELECT c.id FROM ai_llm_calls c
        WHERE c.started_at < now() - make_interval(secs => %(older_seconds)s::double precision)
            AND NOT EXISTS (SELECT FROM ai_requests r WHERE r.id = c.request_id)
        ORDER BY c.started_at LIMIT %(limit)s::integer
        FOR UPDATE SKIP LOCKED))
    RETURNING id
)
SELECT count(*)::integer AS pruned FROM gone
