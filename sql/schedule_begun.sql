-- Purpose: whether a slot has made requests for some of these clients already.
-- Index:   primary key of ai_schedules; ai_requests_idempotency.
-- Caller:  Store.schedule_begun.
-- Locks:   none.
--
-- The keys are those of schedule_fire.sql.
SELECT EXISTS (
    SELECT FROM ai_schedules s
    JOIN ai_requests r ON r.task_type = s.task_type
        AND r.idempotency_key = ANY (ARRAY(
            SELECT 'cron:' || s.name || ':' || to_char(%(slot)s::timestamptz AT TIME ZONE 'UTC',
                'YYYY-MM-DD"T"HH24:MI:SS"Z"') || ':client:' || c.id
            FROM unnest(%(clients)s::bigint[]) AS c (id)))
    WHERE s.name = %(name)s::text
) AS begun
