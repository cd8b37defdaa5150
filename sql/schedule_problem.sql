-- Purpose: shows on a schedule's row why it cannot run; NULL that it can.
-- Index:   primary key of ai_schedules.
-- Caller:  Store.schedule_problem.
-- Locks:   the schedule's row.
UPDATE ai_schedules s SET problem = %(problem)s::text
WHERE s.name = %(name)s::text AND s.problem IS DISTINCT FROM %(problem)s::text
