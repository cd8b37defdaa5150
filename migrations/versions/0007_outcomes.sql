-- A day, not a moment: all that is due on one day is then taken client by client, and a client's
-- rows in the main app are read once for all of them.
ALTER TABLE ai_progress_reports
    ADD COLUMN look_on date NOT NULL DEFAULT (now() AT TIME ZONE 'UTC')::date;
DROP INDEX ai_progress_reports_open;
CREATE INDEX ai_progress_reports_open ON ai_progress_reports (look_on, client_id)
    WHERE matured_at IS NULL AND p_reach_365 IS NOT NULL AND status <> 'reached';

ALTER TABLE ai_schedule_suggestions
    ADD COLUMN look_on date NOT NULL DEFAULT (now() AT TIME ZONE 'UTC')::date;
DROP INDEX ai_schedule_suggestions_open;
CREATE INDEX ai_schedule_suggestions_open ON ai_schedule_suggestions (look_on, client_id)
    WHERE outcome IS NULL;
