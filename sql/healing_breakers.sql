-- Purpose: breakers that are open, by model.
-- Index:   none; a handful of rows.
-- Caller:  the rule open_breaker.
-- Locks:   none.
SELECT p.model, p.state, p.reason, p.failures, p.opened_count, p.opened_until::text AS until
FROM ai_provider_state p
WHERE p.state <> 'closed'
