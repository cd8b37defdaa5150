-- Purpose: healing actions that wait for a person, as alerts that name the command.
-- Index:   ai_healing_actions_open.
-- Caller:  AlertStore.round.
-- Locks:   none.
SELECT a.id, a.rule, a.target, a.reason, a.command
FROM ai_healing_actions a
WHERE a.outcome = 'proposed' AND a.approved_by IS NULL
    AND a.proposed_at > now() - interval '1 day'
ORDER BY a.id
LIMIT 50
