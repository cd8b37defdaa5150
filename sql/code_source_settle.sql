-- Purpose: what a look at a source found, and the request for what changed, in one statement: a change
--          is asked for once, whoever looks; one back to an earlier commit is a change as any.
--          Without input_data nothing changed, or it failed: why stands in problem.
-- Index:   primary key of ai_code_sources; ai_requests_idempotency.
-- Caller:  Store.code_source_settle.
-- Locks:   the source's row.
WITH held AS (
    SELECT s.name, s.last_commit, s.request_id FROM ai_code_sources s
    WHERE s.name = %(name)s::text
    FOR UPDATE
),
asked AS (
    INSERT INTO ai_requests
        (task_type, input_data, priority, idempotency_key, requested_by, fair_key)
    SELECT 'code_analysis', %(input_data)s::jsonb, -20,
        concat_ws(':', 'code', h.name, %(commit)s::text, h.request_id), 'code:' || h.name,
        'code_monitoring'
    FROM held h
    WHERE %(input_data)s::jsonb IS NOT NULL AND h.last_commit IS DISTINCT FROM %(commit)s::text
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
