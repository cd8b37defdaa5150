-- How each agent did in the last seven days, or since `since`, if there are over 10,000 requests of
-- one outcome: the window then shrinks for all outcomes alike, so that shares stay true and reading
-- stays cheap. Reads ai_requests_finished_at.
--
-- seconds_*: the attempt that answered. wait_seconds_*: from the moment a request was due to its start,
-- of requests answered at the first attempt (a retry moves the moment).
CREATE VIEW ai_agent_performance AS
WITH span AS MATERIALIZED (
    SELECT greatest(now() - interval '7 days', max(cut.finished_at)) AS since
    FROM (VALUES ('completed'), ('failed'), ('cancelled'), ('expired')) AS ended (status)
    LEFT JOIN LATERAL (
        SELECT q.finished_at FROM ai_requests q
        WHERE q.status = ended.status AND q.finished_at > now() - interval '7 days'
        ORDER BY q.finished_at DESC OFFSET 10000 LIMIT 1
    ) cut ON true
),
recent AS (
    SELECT r.*, extract(epoch FROM r.finished_at - r.started_at)::double precision AS seconds,
        CASE WHEN r.attempt = 1 THEN greatest(0, extract(epoch FROM
            r.started_at - greatest(r.created_at, r.run_after)))::double precision
            END AS wait_seconds
    FROM span
    CROSS JOIN (VALUES ('completed'), ('failed'), ('cancelled'), ('expired')) AS ended (status)
    CROSS JOIN LATERAL (
        SELECT q.* FROM ai_requests q
        WHERE q.status = ended.status AND q.finished_at > span.since
        ORDER BY q.finished_at DESC LIMIT 10000
    ) r
)
SELECT r.task_type,
    (SELECT span.since FROM span) AS since,
    count(*) AS ended,
    count(*) FILTER (WHERE r.status = 'completed') AS completed,
    count(*) FILTER (WHERE r.status = 'failed') AS failed,
    count(*) FILTER (WHERE r.status = 'cancelled') AS cancelled,
    count(*) FILTER (WHERE r.status = 'expired') AS expired,
    round(count(*) FILTER (WHERE r.status = 'completed')
        / nullif(count(*) FILTER (WHERE r.status IN ('completed', 'failed')), 0)::numeric, 4)
        AS success_rate,
    round(count(*) FILTER (WHERE r.mode = 'degraded')
        / nullif(count(*) FILTER (WHERE r.status = 'completed'), 0)::numeric, 4)
        AS degraded_share,
    count(*) FILTER (WHERE r.attempt > 1) AS tried_again,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY r.seconds)
        FILTER (WHERE r.status = 'completed') AS seconds_p50,
    percentile_cont(0.95) WITHIN GROUP (ORDER BY r.seconds)
        FILTER (WHERE r.status = 'completed') AS seconds_p95,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY r.wait_seconds)
        FILTER (WHERE r.status = 'completed') AS wait_seconds_p50,
    percentile_cont(0.95) WITHIN GROUP (ORDER BY r.wait_seconds)
        FILTER (WHERE r.status = 'completed') AS wait_seconds_p95,
    coalesce(sum(r.cost_usd), 0) AS cost_usd,
    mode() WITHIN GROUP (ORDER BY r.error ->> 'code')
        FILTER (WHERE r.status = 'failed') AS commonest_error
FROM recent r
GROUP BY r.task_type;
