-- Purpose: writes down what the service has just done by itself, at most once per pause and target.
-- Index:   ai_healing_actions_rule.
-- Caller:  HealingStore.record.
-- Locks:   the new row.
INSERT INTO ai_healing_actions (rule, check_id, target, mode, outcome, reason, before, after,
    finished_at, worker_id)
SELECT %(rule)s::text, %(check_id)s::text, %(target)s::text, 'auto', %(outcome)s::text,
    %(reason)s::text, %(before)s::jsonb, %(after)s::jsonb, clock_timestamp(), %(worker_id)s::text
WHERE NOT EXISTS (
    SELECT FROM ai_healing_actions a
    WHERE a.rule = %(rule)s::text AND a.target = %(target)s::text
        AND a.started_at > now() - make_interval(secs => %(pause_seconds)s::double precision))
RETURNING id
