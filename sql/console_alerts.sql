-- Purpose: alerts: the open ones, and the last that are over.
-- Index:   ai_alerts_one_open, ai_alerts_opened.
-- Caller:  the console: health.
-- Locks:   none.
(SELECT a.* FROM ai_alerts a WHERE a.resolved_at IS NULL ORDER BY a.opened_at DESC LIMIT 20)
UNION ALL
(SELECT a.* FROM ai_alerts a WHERE a.resolved_at IS NOT NULL ORDER BY a.opened_at DESC LIMIT 10)
