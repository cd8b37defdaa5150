-- Purpose: a new schedule, or a changed one.
-- Index:   primary key of ai_schedules.
-- Caller:  daemon.web.actions, in the transaction of schedule_lock.sql.
-- Locks:   the schedule.
INSERT INTO ai_schedules AS s (name, task_type, trigger, time_zone, input_data, priority, misfire,
    misfire_grace_seconds, for_each, enabled)
VALUES (%(name)s::text, %(task_type)s::text, %(trigger)s::text, %(time_zone)s::text,
    %(input_data)s::jsonb, %(priority)s::smallint, %(misfire)s::text,
    %(misfire_grace_seconds)s::integer, %(for_each)s::text, %(enabled)s::boolean)
ON CONFLICT (name) DO UPDATE SET task_type = excluded.task_type, trigger = excluded.trigger,
    time_zone = excluded.time_zone, input_data = excluded.input_data,
    priority = excluded.priority, misfire = excluded.misfire,
    misfire_grace_seconds = excluded.misfire_grace_seconds, for_each = excluded.for_each,
    enabled = excluded.enabled
