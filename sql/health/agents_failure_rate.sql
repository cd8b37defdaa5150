-- Check:    agents.failure_rate
-- Unit:     percent
-- Warning:  10
-- Critical: 30
-- Every:    60 seconds
-- Needs:    SELECT on ai_requests
-- Servers:  13 and newer
-- Target:   task_type
-- Says:     {value} of the lately ended requests of {task_type} failed ({failed} of {of}: {codes})
-- Remedy:   SELECT error FROM ai_requests WHERE task_type = '...' AND status = 'failed' ORDER BY id
--           DESC LIMIT 5; a provider that is down shows in model.error_rate; else pause the agent
--
-- The worst agents with at least ten ends in a quarter of an hour. Callers' mistakes do not count,
-- nor a person's refusal.
SELECT round(100.0 * x.bad / x.n, 1)::float8 AS value, 0 AS hidden,
    jsonb_build_object('task_type', x.task_type, 'failed', x.bad, 'of', x.n, 'codes', x.codes)
        AS detail
FROM (
    SELECT r.task_type, count(*) AS n, count(*) FILTER (WHERE r.status = 'failed') AS bad,
        jsonb_agg(DISTINCT r.error ->> 'code') FILTER (WHERE r.status = 'failed') AS codes
    FROM ai_requests r
    WHERE r.status IN ('completed', 'failed') AND r.finished_at > %(recent)s::timestamptz
        AND NOT coalesce(r.error ->> 'code' = ANY (%(caller_codes)s::text[]
            || ARRAY['approval_rejected', 'approval_expired']), false)
    GROUP BY 1 HAVING count(*) >= 10
) x
ORDER BY 1 DESC, x.n DESC, x.task_type LIMIT 10
