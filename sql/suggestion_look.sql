-- Purpose: takes proposed times without an outcome that have not been looked at today, client by
--          client, and puts them off by a day: of several daemons one gets each row, once a day.
-- Index:   ai_schedule_suggestions_open.
-- Caller:  Store.suggestion_look.
-- Locks:   those rows, unless somebody holds them.
WITH due AS (
    SELECT s.id FROM ai_schedule_suggestions s
    WHERE s.outcome IS NULL AND s.look_on <= (now() AT TIME ZONE 'UTC')::date
    ORDER BY s.look_on, s.client_id LIMIT %(limit)s::integer
    FOR UPDATE SKIP LOCKED
)
UPDATE ai_schedule_suggestions s SET look_on = (now() AT TIME ZONE 'UTC')::date + 1
FROM due WHERE s.id = due.id
RETURNING s.id, s.client_id, s.trainer_id, s.created_at, s.slot_local, s.tz, s.session_id
