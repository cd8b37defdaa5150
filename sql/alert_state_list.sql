-- Purpose: what is remembered of the checks that were not well lately.
-- Index:   none; a handful of rows.
-- Caller:  AlertStore.round.
-- Locks:   none.
SELECT s.check_id, s.target, s.phase, s.folded, s.severity, s.bad, s.good, s.critical, s.penalty,
    s.slow_penalty, s.sampled_at
FROM ai_alert_states s
