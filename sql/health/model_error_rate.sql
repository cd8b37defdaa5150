-- Check:    model.error_rate
-- Unit:     percent
-- Warning:  10
-- Critical: 50
-- Every:    60 seconds
-- Needs:    SELECT on ai_llm_calls
-- Servers:  13 and newer
-- Says:     {value} of the model calls of the last ten minutes failed ({models}: {codes})
-- Remedy:   SELECT error FROM ai_llm_calls WHERE status = 'failed' ORDER BY id DESC LIMIT 5; the
--           provider's status page; LLM_FALLBACK_MODELS
--
-- Of the newest 5,000 calls, where there were more: a share of so many is sure enough.
SELECT round(100.0 * count(*) FILTER (WHERE x.status = 'failed') / count(*), 1)::float8 AS value,
    0 AS hidden,
    jsonb_build_object('calls', count(*), 'models',
        jsonb_agg(DISTINCT x.model) FILTER (WHERE x.status = 'failed'), 'codes',
        jsonb_agg(DISTINCT x.code) FILTER (WHERE x.status = 'failed')) AS detail
FROM (
    SELECT c.status, c.model, coalesce(c.error ->> 'code', 'no code') AS code FROM ai_llm_calls c
    WHERE c.started_at > now() - interval '10 minutes' AND c.status IN ('done', 'failed')
        AND c.cached_from IS NULL
    ORDER BY c.started_at DESC LIMIT 5000
) x
HAVING count(*) >= 5
