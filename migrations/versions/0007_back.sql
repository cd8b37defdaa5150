DROP INDEX ai_progress_reports_open;
ALTER TABLE ai_progress_reports DROP COLUMN look_on;
CREATE INDEX ai_progress_reports_open ON ai_progress_reports (as_of)
    WHERE matured_at IS NULL AND p_reach_365 IS NOT NULL;
DROP INDEX ai_schedule_suggestions_open;
ALTER TABLE ai_schedule_suggestions DROP COLUMN look_on;
CREATE INDEX ai_schedule_suggestions_open ON ai_schedule_suggestions (slot_start_utc)
    WHERE outcome IS NULL;
COMMENT ON COLUMN ai_progress_reports.matured_at IS 'When the outcome was judged; NULL: still open.';
COMMENT ON COLUMN ai_progress_reports.abs_err_days IS 'Days between p50_date and actual_date; never counts as day 365.';
COMMENT ON COLUMN ai_progress_reports.covered80 IS 'Whether the day lay within the 80 % interval.';
COMMENT ON COLUMN ai_schedule_suggestions.accepted_session_id IS 'The main app''s sessions.id that was booked at this time afterwards; NULL: none, or not looked at yet.';
COMMENT ON COLUMN ai_schedule_suggestions.outcome IS 'completed, no_show, cancelled or not_taken; NULL: still open.';
