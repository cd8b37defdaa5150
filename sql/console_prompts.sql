-- Purpose: what was sent to models for a request, and what came back; a large one is cut off.
-- Index:   the unique key of ai_llm_calls.
-- Caller:  the console, where a person asked to see it.
-- Locks:   none.
SELECT c.id, c.name, left(jsonb_pretty(c.prompt), 20000) AS prompt,
    left(jsonb_pretty(c.response - 'question'), 20000) AS response
FROM ai_llm_calls c
WHERE c.request_id = %(request_id)s::bigint
ORDER BY c.id LIMIT 20
