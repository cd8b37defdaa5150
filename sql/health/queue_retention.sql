-- Check:    queue.retention
-- Unit:     count
-- Warning:  1000
-- Critical: 100000
-- Every:    900 seconds
-- Needs:    SELECT on ai_requests
-- Servers:  13 and newer
-- Says:     requests that are older than they are kept: {value}
-- Remedy:   pruning runs every hour while a daemon runs: see its log for duty_failed; many at once
--           are taken 100,000 an hour
--
-- An hour of grace: that long may a row wait for its turn. Of each outcome up to 100,001 are counted.
SELECT count(*)::float8 AS value, 0 AS hidden,
    jsonb_build_object('bytes', pg_total_relation_size('ai_requests')) AS detail
FROM jsonb_each_text(%(kept_seconds)s::jsonb) AS k (status, seconds)
CROSS JOIN LATERAL (
    SELECT FROM ai_requests r
    WHERE r.status = k.status AND r.finished_at IS NOT NULL
        AND r.finished_at < now() - make_interval(secs => k.seconds::float8 + 3600)
    LIMIT 100001
) x
