-- Purpose: the database's time and all schedules; one row without a name when there is none. Moments
--          are kept within the years that Python knows.
-- Index:   primary key of ai_schedules, ai_agents_type.
-- Caller:  Store.schedules_list.
-- Locks:   none.
SELECT clock.now, s.name, s.task_type, s.trigger, s.time_zone, s.misfire,
    s.misfire_grace_seconds, s.for_each, s.enabled, s.problem,
    EXISTS (SELECT FROM ai_agents a WHERE a.type = s.task_type AND a.archived_at IS NULL)
        AS answered,
    CASE WHEN s.last_slot IS NOT NULL
        THEN greatest('1970-01-02 00:00+00', least('9999-12-30 00:00+00', s.last_slot)) END
        AS last_slot,
    greatest('1970-01-02 00:00+00', least('9999-12-30 00:00+00', s.updated_at)) AS updated_at
FROM (SELECT clock_timestamp() AS now) clock LEFT JOIN ai_schedules s ON true
ORDER BY s.name
