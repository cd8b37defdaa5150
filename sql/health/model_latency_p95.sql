-- Check:    model.latency_p95
-- Unit:     seconds
-- Warning:  20
-- Critical: 60
-- Every:    60 seconds
-- Needs:    SELECT on ai_llm_calls
-- Servers:  13 and newer
-- Says:     the slowest of twenty model calls take {value}
-- Remedy:   another model (OPENAI_MODEL, LLM_FALLBACK_MODELS); the provider's status page
--
-- Of the newest 5,000 calls of the last ten minutes. Asking for the failed ones too keeps the planner
-- from the index of answers by hash, which is of no use here.
SELECT percentile_cont(0.95) WITHIN GROUP (ORDER BY x.seconds) AS value,
    0 AS hidden, jsonb_build_object('calls', count(*)) AS detail
FROM (
    SELECT c.status, extract(epoch FROM c.finished_at - c.started_at)::float8 AS seconds
    FROM ai_llm_calls c
    WHERE c.started_at > now() - interval '10 minutes' AND c.status IN ('done', 'failed')
        AND c.cached_from IS NULL
    ORDER BY c.started_at DESC LIMIT 5000
) x
WHERE x.status = 'done'
HAVING count(*) >= 5
