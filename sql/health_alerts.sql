-- Purpose: the open alerts, newest first.
-- Index:   ai_alerts_one_open.
-- Caller:  GET /api/health-status.
-- Locks:   none.
SELECT a.id, a.check_id, a.target, a.severity, a.state, a.opened_at, a.message, a.remedy
FROM ai_alerts a
WHERE a.resolved_at IS NULL
ORDER BY a.opened_at DESC, a.id DESC
LIMIT 100
