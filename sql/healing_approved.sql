-- Purpose: proposed actions that a person has approved and nobody has carried out.
-- Index:   ai_healing_actions_open.
-- Caller:  HealingStore.approved.
-- Locks:   none; who carries one out is decided by ai_heal_begin_v1.
SELECT a.id, a.rule, a.target
FROM ai_healing_actions a
WHERE a.outcome = 'proposed' AND a.approved_at > now() - interval '1 day'
ORDER BY a.id
LIMIT 20
