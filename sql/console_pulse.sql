-- Purpose: one number or moment for each thing that open pages show: whoever sees it change fetches
--          that part again.
-- Index:   primary keys; ai_requests_finished_at, ai_attempts_started, ai_alerts_one_open,
--          ai_healing_actions_started; small tables.
-- Caller:  the console's event stream, once a second while somebody looks.
-- Locks:   none.
--
-- Where rows are edited, who wrote them last (xmin) stands for what they say: a page may be made
-- between two looks, and what is changed and changed back within them must be told as well.
SELECT
    concat_ws('|', (SELECT max(r.id) FROM ai_requests r),
        (SELECT max(e.id) FROM ai_request_events e),
        (SELECT max(a.started_at) FROM ai_attempts a),
        (SELECT max(r.finished_at) FROM ai_requests r WHERE r.status = 'completed'
            AND r.finished_at IS NOT NULL),
        (SELECT max(r.finished_at) FROM ai_requests r WHERE r.status = 'failed'
            AND r.finished_at IS NOT NULL),
        (SELECT max(r.finished_at) FROM ai_requests r WHERE r.status = 'cancelled'
            AND r.finished_at IS NOT NULL),
        (SELECT max(r.finished_at) FROM ai_requests r WHERE r.status = 'expired'
            AND r.finished_at IS NOT NULL),
        (SELECT count(*) FROM ai_leases)) AS requests,
    concat_ws('|', (SELECT string_agg(concat(a.id, a.xmin), ',' ORDER BY a.id) FROM ai_agents a),
        (SELECT string_agg(concat(c.task_type, c.xmin), ',' ORDER BY c.task_type)
            FROM ai_control c)) AS agents,
    concat_ws('|', (SELECT max(q.id) FROM ai_approvals q),
        (SELECT count(*) FROM (SELECT FROM ai_approvals q
            LEFT JOIN ai_requests r ON r.id = q.request_id
            WHERE q.decided_at IS NULL AND r.finished_at IS NULL LIMIT 1000) o)) AS approvals,
    (SELECT max(l.id) FROM ai_audit_log l)::text AS audit,
    concat_ws('|', (SELECT max(c.id) FROM ai_llm_calls c),
        (SELECT max(b.updated_at) FROM ai_budgets b WHERE b.scope = 'global'),
        (SELECT string_agg(concat(b.period, b.xmin), ',' ORDER BY b.period) FROM ai_budgets b
            WHERE b.scope = 'global' AND b.period IN ('day', 'month')),
        (SELECT string_agg(concat(b.scope, b.period, b.xmin), ',' ORDER BY b.scope, b.period)
            FROM ai_agents a JOIN ai_budgets b ON b.scope = 'agent:' || a.type
                AND b.period IN ('day', 'month') WHERE a.archived_at IS NULL)) AS money,
    (SELECT max(h.counted_at) FROM ai_hours h
        WHERE h.hour = date_trunc('hour', now(), 'UTC'))::text AS metrics,
    concat_ws('|', (SELECT max(s.id) FROM ai_code_suggestions s),
        (SELECT count(*) FROM (SELECT FROM ai_code_suggestions s WHERE s.status = 'pending'
            LIMIT 1000) o)) AS suggestions,
    concat_ws('|', (SELECT max(h.id) FROM ai_system_health h),
        (SELECT string_agg(concat(o.id, o.xmin), ',' ORDER BY o.id)
            FROM (SELECT a.id, a.xmin FROM ai_alerts a WHERE a.resolved_at IS NULL
            ORDER BY a.opened_at DESC LIMIT 20) o),
        (SELECT string_agg(concat(d.id, d.outcome, d.finished_at), ',' ORDER BY d.id)
            FROM (SELECT * FROM ai_healing_actions x ORDER BY x.started_at DESC LIMIT 15) d),
        (SELECT string_agg(concat(w.worker_id, w.state, w.drain_requested_at), ','
            ORDER BY w.worker_id) FROM ai_workers w)) AS health,
    (SELECT string_agg(concat(s.name, s.enabled, s.last_slot, s.updated_at), ','
        ORDER BY s.name) FROM ai_schedules s) AS schedules
