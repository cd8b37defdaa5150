-- Purpose: takes open forecasts whose outcome has not been looked for today, client by client, and
--          puts them off by a day: of several daemons one gets each row, once a day.
-- Index:   ai_progress_reports_open.
-- Caller:  Store.forecast_look.
-- Locks:   those rows, unless somebody holds them.
WITH due AS (
    SELECT r.id FROM ai_progress_reports r
    WHERE r.matured_at IS NULL AND r.p_reach_365 IS NOT NULL AND r.status <> 'reached'
        AND r.look_on <= (now() AT TIME ZONE 'UTC')::date
    ORDER BY r.look_on, r.client_id LIMIT %(limit)s::integer
    FOR UPDATE SKIP LOCKED
)
UPDATE ai_progress_reports r SET look_on = (now() AT TIME ZONE 'UTC')::date + 1
FROM due WHERE r.id = due.id
RETURNING r.id, r.client_id, r.metric, r.as_of, r.target, r.direction, r.p10_date, r.p50_date,
    r.p90_date
