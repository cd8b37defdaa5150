-- Purpose: a schedule goes.
-- Index:   primary key of ai_schedules.
-- Caller:  daemon.web.actions, in the transaction of schedule_lock.sql.
-- Locks:   the schedule.
DELETE FROM ai_schedules s WHERE s.name = %(name)s::text
