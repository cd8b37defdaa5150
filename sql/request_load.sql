-- Purpose: a claimed request's input, unless it is too large to be read. The stored size tells of a
--          huge one without reading it; a compressed one has to be unpacked to know.
-- Index:   primary keys of ai_requests and ai_attempts.
-- Caller:  Store.load_input.
-- Locks:   none.
SELECT coalesce(octet_length(t.input_text), pg_column_size(r.input_data)) AS size_bytes,
    CASE WHEN octet_length(t.input_text) <= %(limit_bytes)s::integer THEN t.input_text END
        AS input_text
FROM ai_requests r
JOIN ai_attempts a ON a.request_id = r.id AND a.fence = r.fence
CROSS JOIN LATERAL (
    SELECT CASE WHEN pg_column_size(r.input_data) <= 2 * %(limit_bytes)s::integer
        THEN r.input_data::text END AS input_text
    OFFSET 0) t
WHERE r.id = %(request_id)s::bigint AND r.fence = %(fence)s::bigint AND r.status = 'running'
    AND a.worker_id = %(worker_id)s::text
