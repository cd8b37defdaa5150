-- Purpose: how a healing action ended.
-- Index:   primary key of ai_healing_actions.
-- Caller:  HealingStore.end.
-- Locks:   that row.
UPDATE ai_healing_actions a
SET outcome = %(outcome)s::text, after = %(after)s::jsonb, finished_at = clock_timestamp(),
    reason = concat_ws('; ', nullif(a.reason, ''), nullif(%(reason)s::text, ''))
WHERE a.id = %(action_id)s::bigint AND a.outcome IS NULL
