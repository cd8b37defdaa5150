-- Purpose: how many requests stand in each status, each count ending at 10,001.
-- Index:   ai_requests_claim, ai_requests_live, ai_requests_finished_at.
-- Caller:  the tabs of the console's list of requests.
-- Locks:   none.
SELECT s.status, CASE s.status
    WHEN 'pending' THEN (SELECT count(*) FROM (SELECT FROM ai_requests r
        WHERE r.status = 'pending' AND r.priority >= -32768 LIMIT 10001) q)
    WHEN 'running' THEN (SELECT count(*) FROM (SELECT FROM ai_requests r
        WHERE r.status IN ('running', 'waiting') AND r.status = 'running' LIMIT 10001) q)
    WHEN 'waiting' THEN (SELECT count(*) FROM (SELECT FROM ai_requests r
        WHERE r.status IN ('running', 'waiting') AND r.status = 'waiting' LIMIT 10001) q)
    ELSE (SELECT count(*) FROM (SELECT FROM ai_requests r
        WHERE r.status = s.status AND r.finished_at IS NOT NULL LIMIT 10001) q) END AS requests
FROM unnest('{pending,running,waiting,completed,failed,cancelled,expired}'::text[])
    AS s (status)
