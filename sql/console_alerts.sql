-- Purpose: alerts: the open ones, critical ones first, and the last that are over.
-- Index:   ai_alerts_one_open, ai_alerts_opened.
-- Caller:  the console: health.
-- Locks:   none.
(SELECT a.* FROM ai_alerts a WHERE a.resolved_at IS NULL
    ORDER BY a.severity = 'critical' DESC, a.opened_at DESC LIMIT 21)
UNION ALL
(SELECT a.* FROM ai_alerts a WHERE a.resolved_at IS NOT NULL ORDER BY a.opened_at DESC LIMIT 10)
