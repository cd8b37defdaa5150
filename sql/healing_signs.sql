-- Purpose: which of the things that rules look for by themselves may be there; each look behind a
--          "no" would find nothing.
-- Index:   ai_requests_degraded, ai_healing_actions_rule, ai_healing_actions_open; the catalogs.
-- Caller:  HealingStore.absent, once per look instead of a statement for each rule.
-- Locks:   none.
--
-- The columns are named for the statements that look closer; they ask for more than is asked here.
SELECT
    EXISTS (SELECT FROM ai_provider_state p WHERE p.state <> 'closed') AS healing_breakers,
    EXISTS (SELECT FROM ai_requests r
        WHERE r.mode = 'degraded' AND r.finished_at > now() - interval '1 minute')
        AS healing_degraded,
    EXISTS (SELECT FROM ai_healing_actions a
        WHERE a.rule = 'pause_agent' AND a.outcome = 'done'
            AND (a.started_at > now() - interval '7 days' OR a.after ->> 'resumed_at' IS NULL
                AND NOT EXISTS (SELECT FROM ai_healing_actions n
                    WHERE n.rule = a.rule AND n.target = a.target AND n.outcome = a.outcome
                        AND n.started_at > a.started_at))) AS healing_agent_trials,
    EXISTS (SELECT FROM pg_locks l WHERE NOT l.granted) AS healing_blocks,
    EXISTS (SELECT FROM pg_stat_activity a
        WHERE a.datname = current_database() AND a.usename = current_user
            AND a.pid <> pg_backend_pid() AND starts_with(a.application_name, 'ai-daemon/')
            AND a.state IN ('idle in transaction', 'idle in transaction (aborted)'))
        AS healing_sessions_idle,
    EXISTS (SELECT FROM ai_healing_actions a
        WHERE a.outcome = 'proposed' AND a.approved_at > now() - interval '1 day')
        AS healing_approved
