-- Purpose: ends the actions of daemons that died over them.
-- Index:   ai_healing_actions_open.
-- Caller:  HealingStore.end_abandoned.
-- Locks:   those rows, unless somebody holds them.
UPDATE ai_healing_actions a
SET outcome = 'failed', finished_at = clock_timestamp(),
    reason = concat_ws('; ', nullif(a.reason, ''), 'its daemon ended before it was done')
WHERE a.id = ANY (ARRAY(
    SELECT o.id FROM ai_healing_actions o
    WHERE o.outcome IS NULL AND o.started_at < now() - interval '1 hour'
    FOR UPDATE SKIP LOCKED))
