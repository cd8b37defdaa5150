-- Purpose: what a look at a source found, and the request for what changed, in one statement: a commit
--          is asked for once, whoever looks. Without input_data nothing changed, or it failed: why
--          stands in problem.
-- Index:   primary key of ai_code_sources; ai_requests_idempotency.
-- Caller:  Store.code_source_settle.
-- Locks:   the source's row.
WITH asked AS (
    INSERT INTO ai_requests
        (task_type, input_data, priority, idempotency_key, requested_by, fair_key)
    SELECT 'code_analysis', %(input_data)s::jsonb, -20,
        'code:' || %(name)s::text || ':' || %(commit)s::text, 'code:' || %(name)s::text,
        'code_monitoring'
    WHERE %(input_data)s::jsonb IS NOT NULL
    ON CONFLICT (task_type, idempotency_key) DO NOTHING
    RETURNING id
),
seen AS (
    UPDATE ai_code_sources s
    SET last_commit = coalesce(%(commit)s::text, s.last_commit),
        etag = coalesce(%(etag)s::text, s.etag),
        problem = %(problem)s::text,
        request_id = coalesce((SELECT a.id FROM asked a), s.request_id)
    WHERE s.name = %(name)s::text
    RETURNING s.name
)
SELECT a.id FROM seen LEFT JOIN asked a ON true
