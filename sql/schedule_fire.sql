-- Purpose: moves a schedule on to a slot and inserts the slot's request, however many daemons try:
--          only one moves it, and the idempotency key holds even over a restored backup.
-- Index:   primary key of ai_schedules; ai_requests_idempotency.
-- Caller:  Store.schedule_fire.
-- Locks:   the schedule's row.
WITH moved AS (
    UPDATE ai_schedules s SET last_slot = %(slot)s::timestamptz
    WHERE s.name = %(name)s::text AND s.enabled
        AND s.last_slot IS NOT DISTINCT FROM %(last_slot)s::timestamptz
    RETURNING s.name, s.task_type, s.input_data, s.priority
)
INSERT INTO ai_requests (task_type, input_data, priority, idempotency_key, requested_by)
SELECT m.task_type, m.input_data, m.priority,
    'cron:' || m.name || ':' || to_char(%(slot)s::timestamptz AT TIME ZONE 'UTC',
        'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
    'schedule:' || m.name
FROM moved m WHERE %(insert)s::boolean
ON CONFLICT (task_type, idempotency_key) DO NOTHING
RETURNING id
