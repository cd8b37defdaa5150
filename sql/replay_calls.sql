-- Purpose: what a request's model calls asked and cost.
-- Index:   the unique key of ai_llm_calls.
-- Caller:  python -m daemon replay.
-- Locks:   none.
SELECT c.name, c.prompt -> 'messages' AS messages, c.charged_usd, c.cost_usd
FROM ai_llm_calls c
WHERE c.request_id = %(id)s::bigint AND c.cached_from IS NULL
ORDER BY c.id
