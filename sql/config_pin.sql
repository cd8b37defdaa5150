-- Purpose: pins the agent's version to a running request, once: a second attempt uses the same.
-- Index:   primary keys of ai_requests and ai_attempts.
-- Caller:  Store.config_pin.
-- Locks:   the request.
UPDATE ai_requests r SET agent_version = coalesce(r.agent_version, %(version)s::integer)
FROM ai_attempts a
WHERE r.id = %(request_id)s::bigint AND r.fence = %(fence)s::bigint AND r.status = 'running'
    AND a.request_id = r.id AND a.fence = r.fence AND a.worker_id = %(worker_id)s::text
RETURNING r.agent_version
