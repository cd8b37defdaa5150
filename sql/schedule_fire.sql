-- Purpose: moves a schedule on to a slot and inserts the slot's requests, however many daemons try:
--          only one moves it, and the idempotency keys hold even over a restored backup. One
--          request, or one for each of the clients where the schedule says so; those share a
--          fair_key, so that they take turns as one, and may share a budget. Where more clients are
--          to come (move is false) the schedule stays where it is until the last ones come.
-- Index:   primary key of ai_schedules; ai_requests_idempotency.
-- Caller:  Store.schedule_fire.
-- Locks:   the schedule's row.
--
-- last_slot: as schedule_list.sql gave it, within the years that Python knows.
WITH moved AS (
    UPDATE ai_schedules s
    SET last_slot = CASE WHEN %(move)s::boolean THEN %(slot)s::timestamptz ELSE s.last_slot END
    WHERE s.name = %(name)s::text AND s.enabled
        AND CASE WHEN s.last_slot IS NOT NULL
            THEN greatest('1970-01-02 00:00+00', least('9999-12-30 00:00+00', s.last_slot)) END
            IS NOT DISTINCT FROM %(last_slot)s::timestamptz
    RETURNING s.name, s.task_type, s.input_data, s.priority, s.for_each,
        'cron:' || s.name || ':' || to_char(%(slot)s::timestamptz AT TIME ZONE 'UTC',
            'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS key
)
INSERT INTO ai_requests
    (task_type, input_data, priority, idempotency_key, requested_by, fair_key)
SELECT m.task_type,
    CASE WHEN m.for_each IS NULL THEN m.input_data
        ELSE m.input_data || jsonb_build_object('client_id', c.id) END,
    m.priority,
    CASE WHEN m.for_each IS NULL THEN m.key ELSE m.key || ':client:' || c.id END,
    'schedule:' || m.name,
    CASE WHEN m.for_each IS NOT NULL THEN 'schedule:' || m.name END
FROM moved m
LEFT JOIN unnest(%(clients)s::bigint[]) AS c (id) ON m.for_each IS NOT NULL
WHERE %(insert)s::boolean AND (m.for_each IS NULL OR c.id IS NOT NULL)
ON CONFLICT (task_type, idempotency_key) DO NOTHING
RETURNING id
