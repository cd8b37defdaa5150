-- Check:    model.provider
-- Unit:     count
-- Warning:  1
-- Critical: never
-- Every:    60 seconds
-- Needs:    SELECT on ai_provider_state
-- Servers:  13 and newer
-- Says:     not asked for now, since calls failed: {named}
-- Remedy:   they close by themselves when the provider answers again; detail.reasons says what it
--           said (a refused key or a spent quota needs you)
SELECT count(*)::float8 AS value, 0 AS hidden,
    jsonb_build_object(
        'models', jsonb_agg(p.model),
        'named', jsonb_agg(CASE p.model WHEN '*' THEN 'every model of the provider' ELSE p.model END),
        'reasons', jsonb_agg(DISTINCT p.reason)) AS detail
FROM ai_provider_state p
WHERE p.state <> 'closed' AND p.opened_until > now()
