-- Check:    agents.paused
-- Unit:     count
-- Warning:  1
-- Critical: never
-- Notice:   yes
-- Every:    60 seconds
-- Needs:    SELECT on ai_control
-- Servers:  13 and newer
-- Says:     paused agents, whose requests wait: {task_types}
-- Remedy:   UPDATE ai_control SET paused = false WHERE task_type = '...'
SELECT count(*)::float8 AS value, 0 AS hidden,
    jsonb_build_object('task_types', jsonb_agg(c.task_type)) AS detail
FROM ai_control c
WHERE c.paused AND (c.resume_at IS NULL OR c.resume_at > now())
