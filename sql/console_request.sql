-- Purpose: a request with its answer, and what may keep it from beginning: when it is due, and the
--          limits of its agent and of all agents together ('*').
-- Index:   primary keys of ai_requests, ai_results and ai_control.
-- Caller:  the console's page of a request.
-- Locks:   none.
SELECT r.id, r.task_type, r.status, r.mode, r.degraded_reason, r.attempt, r.max_attempts,
    r.cost_usd, r.max_usd, r.created_at, r.run_after, r.started_at, r.finished_at, r.expires_at,
    r.lost_count, r.fence, r.requested_by, r.fair_key, r.priority, r.idempotency_key,
    r.on_unavailable, r.agent_version, r.error,
    r.cancel_requested_at, i.input_text::jsonb AS input_data, i.input_text,
    s.result, s.created_at AS answered_at,
    a.id AS agent_id, a.name AS agent_name,
    r.run_after > now() AS due_later,
    c.paused AND (c.resume_at IS NULL OR c.resume_at > now()) AS agent_paused,
    nullif(c.resume_at, 'infinity') AS agent_resume_at, c.concurrency AS agent_limit,
    g.paused AND (g.resume_at IS NULL OR g.resume_at > now()) AS all_paused,
    nullif(g.resume_at, 'infinity') AS all_resume_at, g.concurrency AS all_limit
FROM ai_requests r
LEFT JOIN ai_results s ON s.request_id = r.id
LEFT JOIN ai_agents a ON a.type = r.task_type AND a.archived_at IS NULL
CROSS JOIN LATERAL ai_input_v1(r.input_data, 65536) i
LEFT JOIN ai_control c ON c.task_type = r.task_type
LEFT JOIN ai_control g ON g.task_type = '*'
WHERE r.id = %(request_id)s::bigint
