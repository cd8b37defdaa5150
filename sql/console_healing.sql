-- Purpose: what self-healing did lately, proposals that wait for a person first.
-- Index:   ai_healing_actions_started, ai_healing_actions_open.
-- Caller:  the console: health.
-- Locks:   none.
SELECT h.* FROM (
    (SELECT a.* FROM ai_healing_actions a WHERE a.outcome IS NULL OR a.outcome = 'proposed'
    ORDER BY a.id DESC LIMIT 10)
    UNION
    (SELECT a.* FROM ai_healing_actions a ORDER BY a.started_at DESC LIMIT 15)
) h
ORDER BY h.outcome IS DISTINCT FROM 'proposed', h.started_at DESC
