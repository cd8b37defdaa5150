-- Purpose: erases the model's answers that were only kept so that a running request could be
--          replayed (log_prompts=false); hashes, counts and cost stay.
-- Index:   ai_llm_calls_private.
-- Caller:  daemon.llm.journal for upkeep.
-- Locks:   at most %(limit)s rows of ai_llm_calls, skipping locked ones.
UPDATE ai_llm_calls
SET response = NULL
WHERE id IN (
    SELECT c.id
    FROM ai_llm_calls c
    LEFT JOIN ai_requests r ON r.id = c.request_id
    WHERE c.private AND c.response IS NOT NULL AND c.status <> 'started'
        AND (r.id IS NULL OR r.finished_at IS NOT NULL)
    ORDER BY c.id
    LIMIT %(limit)s::integer
    FOR UPDATE OF c SKIP LOCKED
)
