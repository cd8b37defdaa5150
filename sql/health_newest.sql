-- Purpose: the newest state of each component.
-- Index:   ai_system_health_newest, hopped along: one look per component.
-- Caller:  GET /api/health-status.
-- Locks:   none.
WITH RECURSIVE parts AS (
    (SELECT h.component FROM ai_system_health h ORDER BY h.component LIMIT 1)
    UNION ALL
    SELECT (SELECT h.component FROM ai_system_health h
        WHERE h.component > p.component ORDER BY h.component LIMIT 1)
    FROM parts p WHERE p.component IS NOT NULL
)
SELECT n.id, n.component, n.status, coalesce(n.message, '') AS message, n.metrics, n.checked_at
FROM (SELECT p.component FROM parts p WHERE p.component IS NOT NULL LIMIT 200) p
CROSS JOIN LATERAL (
    SELECT h.* FROM ai_system_health h WHERE h.component = p.component
    ORDER BY h.checked_at DESC LIMIT 1
) n
ORDER BY n.component
