-- Purpose: which models are asked and which are not, for the time being.
-- Index:   none; a handful of rows.
-- Caller:  the console: health.
-- Locks:   none.
SELECT p.model, p.state, p.opened_until, p.reason, p.failures, p.opened_count, p.response_format,
    p.updated_at
FROM ai_provider_state p ORDER BY p.state = 'closed', p.model LIMIT 20
