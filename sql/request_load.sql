-- Purpose: a claimed request's input, unless it is too large to be read; see functions/input_v1.sql.
-- Index:   primary keys of ai_requests and ai_attempts.
-- Caller:  Store.load_input.
-- Locks:   none.
SELECT i.size_bytes, i.input_text
FROM ai_requests r
JOIN ai_attempts a ON a.request_id = r.id AND a.fence = r.fence
CROSS JOIN LATERAL ai_input_v1(r.input_data, %(limit_bytes)s::integer) i
WHERE r.id = %(request_id)s::bigint AND r.fence = %(fence)s::bigint AND r.status = 'running'
    AND a.worker_id = %(worker_id)s::text
