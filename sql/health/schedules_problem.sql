-- Check:    schedules.problem
-- Unit:     count
-- Warning:  1
-- Critical: never
-- Every:    60 seconds
-- Needs:    SELECT on ai_schedules
-- Servers:  13 and newer
-- Says:     schedules that cannot run: {schedules}
-- Remedy:   SELECT name, problem FROM ai_schedules WHERE problem IS NOT NULL says what to change
SELECT count(*)::float8 AS value, 0 AS hidden,
    jsonb_build_object('schedules', jsonb_agg(s.name ORDER BY s.name)) AS detail
FROM ai_schedules s
WHERE s.enabled AND s.problem IS NOT NULL
