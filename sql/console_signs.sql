-- Purpose: what else decides whether all is well: workers, providers, prices, schedules, health.
-- Index:   small tables; ai_system_health_newest; primary key of ai_call_hours.
-- Caller:  the console's overview.
-- Locks:   none.
SELECT
    (SELECT count(*) FROM ai_workers w WHERE w.state <> 'stopped'
        AND w.heartbeat_at > now() - interval '1 minute') AS workers,
    (SELECT max(w.heartbeat_at) FROM ai_workers w) AS last_heartbeat,
    (SELECT jsonb_agg(jsonb_build_object('model', p.model, 'state', p.state,
            'reason', p.reason, 'until', p.opened_until))
        FROM ai_provider_state p WHERE p.state <> 'closed') AS providers,
    (SELECT jsonb_agg(u.model) FROM (SELECT DISTINCT h.model FROM ai_call_hours h
        WHERE h.hour > now() - interval '7 days' AND h.unpriced_usd > 0 LIMIT 10) u)
        AS unpriced,
    (SELECT jsonb_agg(jsonb_build_object('name', s.name, 'problem', left(s.problem, 300)))
        FROM ai_schedules s WHERE s.enabled AND s.problem IS NOT NULL) AS schedules,
    (SELECT jsonb_agg(jsonb_build_object('component', n.component, 'status', n.status,
            'message', left(n.message, 300)))
        FROM (SELECT DISTINCT ON (h.component) h.component, h.status, h.message
            FROM ai_system_health h WHERE h.checked_at > now() - interval '1 day'
            ORDER BY h.component, h.checked_at DESC) n
        WHERE n.status <> 'healthy') AS health
