-- Check:    model.latency_p95
-- Unit:     seconds
-- Warning:  20
-- Critical: 60
-- Every:    60 seconds
-- Needs:    SELECT on ai_llm_calls
-- Servers:  13 and newer
-- Says:     the slowest of twenty model calls take {value}
-- Remedy:   another model (OPENAI_MODEL, LLM_FALLBACK_MODELS); the provider's status page
SELECT percentile_cont(0.95) WITHIN GROUP
        (ORDER BY extract(epoch FROM c.finished_at - c.started_at)::float8) AS value,
    0 AS hidden, jsonb_build_object('calls', count(*)) AS detail
FROM ai_llm_calls c
WHERE c.started_at > now() - interval '10 minutes' AND c.status = 'done' AND c.cached_from IS NULL
HAVING count(*) >= 5
