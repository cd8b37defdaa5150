-- Purpose: writes the outcomes of forecasts, once each: what is judged stays as it was judged.
-- Index:   primary key of ai_progress_reports.
-- Caller:  Store.forecast_settle.
-- Locks:   those rows.
--
-- outcomes is an array of objects with the columns' names.
WITH settled AS (
    UPDATE ai_progress_reports r
    SET matured_at = now(), actual_date = x.actual_date, abs_err_days = x.abs_err_days,
        covered80 = x.covered80
    FROM jsonb_to_recordset(%(outcomes)s::jsonb)
        AS x(id bigint, actual_date date, abs_err_days integer, covered80 boolean)
    WHERE r.id = x.id AND r.matured_at IS NULL
    RETURNING r.id
)
SELECT count(*)::integer AS settled FROM settled
