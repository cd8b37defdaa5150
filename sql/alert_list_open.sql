-- Purpose: the open alerts, as far as messages depend on them.
-- Index:   ai_alerts_one_open.
-- Caller:  AlertStore.round.
-- Locks:   none.
SELECT a.id, a.check_id, a.target, a.severity, a.state, a.opened_at, a.notified_at,
    a.escalated_at, a.acknowledged_by, a.silenced_until
FROM ai_alerts a
WHERE a.resolved_at IS NULL
