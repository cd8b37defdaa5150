-- Purpose: each component's newest state, and its states of the last 24 hours.
-- Index:   ai_system_health_newest, ai_system_health_checked.
-- Caller:  the console: health.
-- Locks:   none.
SELECT n.component, n.status, n.message, n.metrics, n.since, n.worst_check, n.checks_total,
    n.checks_unknown, n.checked_at, strip.states
FROM (
    SELECT DISTINCT ON (h.component) h.* FROM ai_system_health h
    WHERE h.checked_at > now() - interval '7 days'
    ORDER BY h.component, h.checked_at DESC
) n
LEFT JOIN LATERAL (
    SELECT jsonb_agg(jsonb_build_array(s.status, s.since, s.checked_at) ORDER BY s.checked_at)
        AS states
    FROM (SELECT q.status, q.since, q.checked_at FROM ai_system_health q
        WHERE q.component = n.component AND q.checked_at > now() - interval '24 hours'
        ORDER BY q.checked_at DESC LIMIT 200) s
) strip ON true
ORDER BY array_position('{critical,warning,healthy}'::text[], n.status::text), n.component
LIMIT 30
