-- Purpose: a schedule as it stands, held while a change is decided on.
-- Index:   primary key of ai_schedules.
-- Caller:  daemon.web.actions.
-- Locks:   the schedule.
SELECT s.name, s.task_type, s.trigger, s.time_zone, s.input_data, s.priority, s.misfire,
    s.misfire_grace_seconds, s.for_each, s.enabled
FROM ai_schedules s WHERE s.name = %(name)s::text FOR UPDATE
