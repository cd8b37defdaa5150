-- Purpose: forgets a check that has been well for long.
-- Index:   primary key of ai_alert_states.
-- Caller:  AlertStore.round.
-- Locks:   that row.
DELETE FROM ai_alert_states
WHERE check_id = %(check_id)s::text AND target = %(target)s::text
