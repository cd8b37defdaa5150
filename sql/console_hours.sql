-- Purpose: what ended in each step of a window, of one agent or of all together; the histograms of a
--          step are added up.
-- Index:   primary key of ai_hours.
-- Caller:  the console: overview, metrics.
-- Locks:   none.
WITH counted AS MATERIALIZED (
    SELECT to_timestamp(extract(epoch FROM %(step)s::interval)
        * floor(extract(epoch FROM h.hour) / extract(epoch FROM %(step)s::interval))) AS at,
        h.completed, h.failed, h.cancelled::bigint + h.expired AS stopped, h.degraded, h.tried_again,
        h.seconds, h.wait_seconds
    FROM ai_hours h
    WHERE h.hour >= %(since)s::timestamptz AND h.task_type = %(task_type)s::text
),
durations AS (
    SELECT b.at, jsonb_build_array(array_agg(b.seconds ORDER BY b.bucket)) AS seconds,
        jsonb_build_array(array_agg(b.wait_seconds ORDER BY b.bucket)) AS wait_seconds
    FROM (
        SELECT c.at, u.bucket, coalesce(sum(u.seconds), 0) AS seconds,
            coalesce(sum(u.wait_seconds), 0) AS wait_seconds
        FROM counted c, unnest(c.seconds, c.wait_seconds)
            WITH ORDINALITY AS u (seconds, wait_seconds, bucket)
        GROUP BY c.at, u.bucket
    ) b
    GROUP BY b.at
)
SELECT s.at, s.completed, s.failed, s.stopped, s.degraded, s.tried_again,
    coalesce(d.seconds, '[]') AS seconds, coalesce(d.wait_seconds, '[]') AS wait_seconds
FROM (
    SELECT c.at, sum(c.completed) AS completed, sum(c.failed) AS failed,
        sum(c.stopped) AS stopped, sum(c.degraded) AS degraded,
        sum(c.tried_again) AS tried_again
    FROM counted c GROUP BY c.at
) s
LEFT JOIN durations d ON d.at = s.at
ORDER BY s.at
