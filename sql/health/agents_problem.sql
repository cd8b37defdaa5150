-- Check:    agents.problem
-- Unit:     count
-- Warning:  1
-- Critical: never
-- Every:    60 seconds
-- Needs:    SELECT on ai_agents
-- Servers:  13 and newer
-- Says:     agents that cannot answer: {agents}
-- Remedy:   SELECT type, problem FROM ai_agents WHERE problem IS NOT NULL says what to change; or roll
--           back to the version before
--
-- Their requests fail with agent_misconfigured, however few they are. Nobody asks a draft.
SELECT count(*)::float8 AS value, 0 AS hidden,
    jsonb_build_object('agents', jsonb_agg(a.type ORDER BY a.type)) AS detail
FROM ai_agents a
WHERE a.enabled AND a.archived_at IS NULL AND a.problem IS NOT NULL
    AND NOT starts_with(a.type, 'draft:')
