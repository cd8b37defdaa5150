-- Check:    agents.p95_drift
-- Unit:     ratio
-- Warning:  2
-- Critical: 4
-- Every:    900 seconds
-- Needs:    SELECT on ai_requests
-- Servers:  13 and newer
-- Target:   task_type
-- Says:     requests of {task_type} take {value} times as long as usual ({now_seconds} s instead of {usual_seconds} s)
-- Remedy:   ai_agent_performance and ai_request_events tell which step; model.latency_p95 whether it
--           is the provider
--
-- 95th percentiles of the last quarter of an hour, at least 20 requests, and of up to 5,000 before
-- it, at least 100, within seven days.
SELECT round((x.now_s / x.usual_s)::numeric, 2)::float8 AS value, 0 AS hidden,
    jsonb_build_object('task_type', x.task_type, 'now_seconds', round(x.now_s::numeric, 2),
        'usual_seconds', round(x.usual_s::numeric, 2)) AS detail
FROM (
    SELECT r.task_type,
        count(*) FILTER (WHERE r.fresh) AS n,
        count(*) FILTER (WHERE NOT r.fresh) AS m,
        percentile_cont(0.95) WITHIN GROUP (ORDER BY r.seconds) FILTER (WHERE r.fresh) AS now_s,
        percentile_cont(0.95) WITHIN GROUP (ORDER BY r.seconds) FILTER (WHERE NOT r.fresh)
            AS usual_s
    FROM (
        (SELECT q.task_type, true AS fresh,
            extract(epoch FROM q.finished_at - q.started_at)::float8 AS seconds
        FROM ai_requests q
        WHERE q.status = 'completed' AND q.finished_at > %(recent)s::timestamptz)
        UNION ALL
        (SELECT q.task_type, false, extract(epoch FROM q.finished_at - q.started_at)::float8
        FROM ai_requests q
        WHERE q.status = 'completed' AND q.finished_at <= %(recent)s::timestamptz
            AND q.finished_at > now() - interval '7 days'
        ORDER BY q.finished_at DESC LIMIT 5000)
    ) r
    GROUP BY 1
) x
WHERE x.n >= 20 AND x.m >= 100 AND x.usual_s > 0.05
ORDER BY 1 DESC, x.task_type LIMIT 10
