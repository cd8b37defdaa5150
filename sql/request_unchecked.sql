-- Purpose: pending requests that intake has not seen, with what their agent is and with their input
--          where it is small enough to be read; at most about 4 MB of input at a time. The oldest
--          of them, or the newest.
-- Index:   ai_requests_unchecked.
-- Caller:  Store.unchecked.
-- Locks:   none.
--
-- Known are the types of ai_agents, not those of the reading process: an old version must not refuse
-- a new agent's work. The ids are walked one by one: where statistics expect few rows, the planner
-- would sort the whole backlog to find the first 200.
WITH RECURSIVE walk AS (
    SELECT CASE WHEN %(newest)s::boolean THEN
            (SELECT r.id FROM ai_requests r
             WHERE r.status = 'pending' AND NOT r.checked
             ORDER BY r.id DESC LIMIT 1)
        ELSE
            (SELECT r.id FROM ai_requests r
             WHERE r.status = 'pending' AND NOT r.checked
             ORDER BY r.id LIMIT 1)
        END AS id, 1 AS n
    UNION ALL
    SELECT CASE WHEN %(newest)s::boolean THEN
            (SELECT r.id FROM ai_requests r
             WHERE r.status = 'pending' AND NOT r.checked AND r.id < walk.id
             ORDER BY r.id DESC LIMIT 1)
        ELSE
            (SELECT r.id FROM ai_requests r
             WHERE r.status = 'pending' AND NOT r.checked AND r.id > walk.id
             ORDER BY r.id LIMIT 1)
        END, walk.n + 1
    FROM walk WHERE walk.id IS NOT NULL AND walk.n < %(limit)s::integer
)
SELECT q.id, q.task_type, a.type IS NOT NULL AS known, coalesce(a.enabled, false) AS enabled,
    i.size_bytes, i.input_text
FROM (
    SELECT u.*, sum(u.stored_bytes) OVER (ORDER BY u.id) - u.stored_bytes AS bytes_before
    FROM (
        SELECT r.id, r.task_type, r.input_data,
            pg_column_size(r.input_data)::bigint AS stored_bytes
        FROM ai_requests r
        WHERE r.id = ANY (ARRAY(SELECT walk.id FROM walk WHERE walk.id IS NOT NULL))
    ) u
) q
LEFT JOIN ai_agents a ON a.type = q.task_type AND a.archived_at IS NULL
CROSS JOIN LATERAL ai_input_v1(q.input_data, %(limit_bytes)s::integer) i
WHERE q.bytes_before < 4 * %(limit_bytes)s::integer
ORDER BY q.id
