-- Purpose: one page of the schedules by name, each with the newest request it made.
-- Index:   primary key of ai_schedules; ai_requests_idempotency.
-- Caller:  the console: schedules.
-- Locks:   none.
SELECT s.name, s.task_type, s.trigger, s.time_zone, s.input_data, s.priority, s.misfire,
    s.misfire_grace_seconds, s.for_each, s.last_slot, s.enabled, s.problem, s.updated_at,
    r.id AS request_id, r.status AS request_status
FROM ai_schedules s
LEFT JOIN LATERAL (
    SELECT q.id, q.status FROM ai_requests q
    WHERE q.task_type = s.task_type AND s.last_slot IS NOT NULL
        AND q.idempotency_key = 'cron:' || s.name || ':'
            || to_char(s.last_slot AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
    LIMIT 1
) r ON true
WHERE %(after)s::text IS NULL OR s.name > %(after)s::text
ORDER BY s.name LIMIT 31
