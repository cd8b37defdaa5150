-- Purpose: deletes a few requests that ended long ago, with all that belongs to them: the oldest, or
--          those behind a place in the order of request_old.sql. Of the ledger the bill stays; what
--          was sent and answered goes, as nobody could tell any more whom it is about.
-- Index:   ai_requests_finished_at; the children's indexes that begin with request_id; the primary
--          key of ai_budgets.
-- Caller:  Store.prune_requests.
-- Locks:   those requests, unless somebody holds them; their calls, which have all ended.
WITH old AS MATERIALIZED (
    SELECT r.id FROM ai_requests r
    WHERE r.finished_at < now() - make_interval(secs => %(older_seconds)s::double precision)
        AND r.status = %(status)s::text
        AND (r.finished_at, r.id) > (
            coalesce(%(after_at)s::timestamptz, '-infinity'), coalesce(%(after_id)s::bigint, 0))
    ORDER BY r.finished_at, r.id LIMIT %(limit)s::integer
    FOR UPDATE SKIP LOCKED
),
requests AS (
    DELETE FROM ai_requests WHERE id = ANY (ARRAY(SELECT old.id FROM old)) RETURNING id
),
results AS (
    DELETE FROM ai_results WHERE request_id = ANY (ARRAY(SELECT old.id FROM old))
),
attempts AS (
    DELETE FROM ai_attempts WHERE request_id = ANY (ARRAY(SELECT old.id FROM old))
),
steps AS (
    DELETE FROM ai_steps WHERE request_id = ANY (ARRAY(SELECT old.id FROM old))
),
events AS (
    DELETE FROM ai_request_events WHERE request_id = ANY (ARRAY(SELECT old.id FROM old))
),
approvals AS (
    DELETE FROM ai_approvals WHERE request_id = ANY (ARRAY(SELECT old.id FROM old))
),
words AS (
    UPDATE ai_llm_calls c SET prompt = NULL, response = NULL
    WHERE c.request_id = ANY (ARRAY(SELECT old.id FROM old))
        AND (c.prompt IS NOT NULL OR c.response IS NOT NULL)
),
-- A request that could not afford its first call has budgets and no line in the ledger.
budgets AS (
    DELETE FROM ai_budgets b
    WHERE b.period = 'request' AND b.scope = ANY (ARRAY(
        SELECT 'request:' || old.id FROM old
        UNION ALL
        SELECT 'request:' || old.id || ':' || a.type FROM old CROSS JOIN ai_agents a
        UNION ALL
        SELECT u.scope FROM ai_llm_calls c, unnest(c.scopes, c.periods) AS u (scope, period)
        WHERE c.request_id = ANY (ARRAY(SELECT old.id FROM old)) AND u.period = 'request'))
)
SELECT count(*)::integer AS pruned FROM requests
