-- Check:    agents.retry_storm
-- Unit:     ratio
-- Warning:  0.3
-- Critical: 1
-- Every:    60 seconds
-- Needs:    SELECT on ai_requests
-- Servers:  13 and newer
-- Says:     each request took {value} extra attempts lately ({requests} requests)
-- Remedy:   SELECT error FROM ai_attempts WHERE outcome = 'retry' ORDER BY started_at DESC LIMIT 5
--           tells why; a provider that is down shows in model.error_rate
--
-- Ended ones, those in hand and those that wait for their next attempt; at least ten.
SELECT round(sum(greatest(x.attempt - 1, 0))::numeric / count(*), 2)::float8 AS value, 0 AS hidden,
    jsonb_build_object('requests', count(*)) AS detail
FROM (
    SELECT r.attempt FROM ai_requests r
    WHERE r.status IN ('completed', 'failed', 'cancelled', 'expired')
        AND r.finished_at > %(recent)s::timestamptz AND r.started_at > %(recent)s::timestamptz
    UNION ALL
    SELECT r.attempt FROM ai_requests r
    WHERE r.status IN ('running', 'waiting') AND r.started_at > %(recent)s::timestamptz
    UNION ALL
    (SELECT r.attempt + 1 FROM ai_requests r
    WHERE r.status = 'pending' AND r.run_after >= '-infinity'
        AND r.run_after > %(recent)s::timestamptz AND r.run_after < now() + interval '1 hour'
        AND r.attempt > 0 AND r.started_at > %(recent)s::timestamptz
    LIMIT 5000)
) x
HAVING count(*) >= 10
