-- Purpose: the database's time and all schedules; one row without a name when there is none.
-- Index:   primary key of ai_schedules.
-- Caller:  Store.schedules_list.
-- Locks:   none.
SELECT clock.now, s.name, s.task_type, s.trigger, s.time_zone, s.misfire,
    s.misfire_grace_seconds, s.for_each, s.last_slot, s.enabled, s.problem, s.updated_at
FROM (SELECT clock_timestamp() AS now) clock LEFT JOIN ai_schedules s ON true
ORDER BY s.name
