-- Purpose: by which triggers each agent runs; whoever calls computes when that is.
-- Index:   primary key of ai_schedules.
-- Caller:  the console: agents.
-- Locks:   none.
--
-- One row for a trigger, however many schedules have it: they differ in their input.
SELECT DISTINCT s.task_type, s.trigger, s.time_zone
FROM ai_schedules s
WHERE s.enabled AND s.problem IS NULL
ORDER BY 1, 2, 3 LIMIT 200
