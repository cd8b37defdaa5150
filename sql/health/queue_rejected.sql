-- Check:    queue.rejected
-- Unit:     percent
-- Warning:  10
-- Critical: 50
-- Every:    60 seconds
-- Needs:    SELECT on ai_requests
-- Servers:  13 and newer
-- Says:     {value} of the requests that ended lately could not be answered as they were asked ({codes})
-- Remedy:   the caller sends what no agent takes: SELECT error FROM ai_requests WHERE status =
--           'failed' ORDER BY id DESC LIMIT 5 names the field and what would be right
--
-- At least ten in a quarter of an hour. It is not the agent's doing, so it counts neither as its
-- failure nor for pausing it.
SELECT round(100.0 * x.bad / x.n, 1)::float8 AS value, 0 AS hidden,
    jsonb_build_object('rejected', x.bad, 'of', x.n, 'codes', x.codes) AS detail
FROM (
    SELECT count(*) AS n, count(*) FILTER (WHERE r.theirs) AS bad,
        jsonb_agg(DISTINCT r.code) FILTER (WHERE r.theirs) AS codes
    FROM (
        SELECT q.error ->> 'code' AS code,
            coalesce(q.error ->> 'code' = ANY (%(caller_codes)s::text[]), false) AS theirs
        FROM ai_requests q
        WHERE q.status IN ('completed', 'failed', 'cancelled', 'expired')
            AND q.finished_at > %(recent)s::timestamptz
    ) r
) x
WHERE x.bad >= 10
