-- A day, not a moment: all that is due on one day is then taken client by client, and a client's
-- rows in the main app are read once for all of them.
-- Both indexes are made anew afterwards; until then this much may be done again.
ALTER TABLE ai_progress_reports
    ADD COLUMN IF NOT EXISTS look_on date NOT NULL DEFAULT (now() AT TIME ZONE 'UTC')::date;
DROP INDEX IF EXISTS ai_progress_reports_open;
ALTER TABLE ai_schedule_suggestions
    ADD COLUMN IF NOT EXISTS look_on date NOT NULL DEFAULT (now() AT TIME ZONE 'UTC')::date;
DROP INDEX IF EXISTS ai_schedule_suggestions_open;
