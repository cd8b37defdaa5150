-- Purpose: a request with its answer, whole; an input of more than 8 MB is left out.
-- Index:   primary keys of ai_requests and ai_results; ai_agents by type.
-- Caller:  GET /api/executions/{id}; POST /api/execute.
-- Locks:   none.
SELECT r.id, r.task_type, r.status, r.mode, r.degraded_reason, r.attempt, r.cost_usd,
    r.requested_by, r.created_at, r.started_at, r.finished_at, r.error, a.id AS agent_id,
    (SELECT i.input_text FROM ai_input_v1(r.input_data, 8388608) i) AS input_text, s.result::text AS result_text,
    s.request_id IS NOT NULL AS answered
FROM ai_requests r
LEFT JOIN ai_results s ON s.request_id = r.id
LEFT JOIN ai_agents a ON a.type = r.task_type AND a.archived_at IS NULL
WHERE r.id = %(request_id)s::bigint
