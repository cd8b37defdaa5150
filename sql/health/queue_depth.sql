-- Check:    queue.depth
-- Unit:     count
-- Warning:  500
-- Critical: 5000
-- Every:    60 seconds
-- Needs:    SELECT on ai_requests
-- Servers:  13 and newer
-- Says:     {value} requests are due and wait; at the present pace for {seconds_to_drain} seconds
-- Remedy:   more WORKER_CONCURRENCY or another daemon; see which agent is slow
--           (ai_agent_performance) and who inserts so many (ai_requests.requested_by)
--
-- Counted up to 50,001, which means more.
SELECT q.n::float8 AS value, 0 AS hidden,
    jsonb_build_object('seconds_to_drain',
        round(q.n * extract(epoch FROM now() - %(recent)s::timestamptz) / nullif(d.n, 0))) AS detail
FROM (
    SELECT count(*) AS n FROM (
        SELECT FROM ai_requests r
        WHERE r.status = 'pending' AND r.run_after <= now() AND r.run_after >= '-infinity'
        LIMIT 50001) capped
) q
CROSS JOIN (
    SELECT count(*) AS n FROM ai_requests r
    WHERE r.status IN ('completed', 'failed', 'cancelled', 'expired')
        AND r.finished_at > %(recent)s::timestamptz
) d
