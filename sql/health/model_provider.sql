-- Check:    model.provider
-- Unit:     count
-- Warning:  1
-- Critical: never
-- Every:    60 seconds
-- Needs:    SELECT on ai_provider_state
-- Servers:  13 and newer
-- Says:     not asked for now, since calls failed: {named} ({reasons})
-- Remedy:   most of it ends by itself when the provider answers again; a refused key (auth,
--           invalid_api_key), a spent quota (quota, insufficient_quota), an unknown model or a wrong
--           address needs you
--
-- What needs somebody is not over because the breaker's time is: the next call alone tells, and at
-- night none may come. After a day it may be a model that nobody asks any more.
SELECT count(*)::float8 AS value, 0 AS hidden,
    jsonb_build_object(
        'models', jsonb_agg(p.model),
        'named', jsonb_agg(CASE p.model WHEN '*' THEN 'every model of the provider' ELSE p.model END),
        'reasons', jsonb_agg(DISTINCT p.reason)) AS detail
FROM ai_provider_state p
WHERE p.state <> 'closed'
    AND p.opened_until > now() - CASE WHEN lower(p.reason) IN ('auth', 'invalid_api_key', 'quota',
        'insufficient_quota', 'model_gone', 'model_not_found', 'wrong_address')
        THEN interval '1 day' ELSE interval '0' END
