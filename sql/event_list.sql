-- Purpose: a request's progress after an event already seen, oldest first.
-- Index:   ai_request_events_request.
-- Caller:  python -m daemon watch, GET /api/executions/{id}/events.
-- Locks:   none.
SELECT e.id, e.node, e.percent, e.message
FROM ai_request_events e
WHERE e.request_id = %(request_id)s::bigint AND e.id > %(after_id)s::bigint
ORDER BY e.id LIMIT %(limit)s::integer
