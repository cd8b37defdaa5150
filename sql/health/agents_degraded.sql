-- Check:    agents.degraded
-- Unit:     percent
-- Warning:  20
-- Critical: never
-- Every:    60 seconds
-- Needs:    SELECT on ai_results
-- Servers:  13 and newer
-- Says:     {value} of the latest answers had to do without the model ({reasons})
-- Remedy:   budget_exhausted: see model.budget; breaker_open, provider_error, timeout: model.error_rate
--           and model.provider; invalid_output: the model's answers break the rules
--
-- Although one is configured; at least ten answers in a quarter of an hour. The first part walks from
-- one task type to the next in ai_results_recent, since there are few types and many results. Of each
-- type the newest 5,000 count.
WITH RECURSIVE types AS (
    (SELECT r.task_type FROM ai_results r ORDER BY r.task_type LIMIT 1)
    UNION ALL
    SELECT (SELECT r.task_type FROM ai_results r
        WHERE r.task_type > t.task_type ORDER BY r.task_type LIMIT 1)
    FROM types t WHERE t.task_type IS NOT NULL
)
SELECT round(100.0 * count(*) FILTER (WHERE x.mode = 'degraded') / count(*), 1)::float8 AS value,
    0 AS hidden,
    jsonb_build_object('answers', count(*), 'reasons',
        jsonb_agg(DISTINCT x.degraded_reason) FILTER (WHERE x.mode = 'degraded')) AS detail
FROM types t
CROSS JOIN LATERAL (
    SELECT r.mode, r.degraded_reason FROM ai_results r
    WHERE r.task_type = t.task_type AND r.created_at > %(recent)s::timestamptz
    ORDER BY r.created_at DESC LIMIT 5000
) x
HAVING count(*) >= 10
