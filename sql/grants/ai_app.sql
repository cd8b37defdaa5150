-- Rights of the main app's role: insert requests, read their answers, cancel them, say what they were
-- worth; nothing else.
--
--   CREATE ROLE ai_app NOLOGIN;
--   GRANT ai_app TO the_role_your_app_logs_in_with;
--
-- Roles belong to the whole server, so we never create one. Where the role exists, every
-- `python -m daemon migrate` runs this file; with psql run it as the owner of the tables. Running it
-- again changes nothing.
--
-- Inserting needs the whole table: an ORM names every column. What is not the app's to decide is
-- overwritten by the trigger ai_guard. Updating is allowed for the one column that asks for a cancel.
DO $grants$
BEGIN
    IF to_regrole('ai_app') IS NULL THEN
        RAISE NOTICE 'there is no role ai_app; nothing was granted';
        RETURN;
    END IF;
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO ai_app', current_schema());
    GRANT INSERT, SELECT, UPDATE (cancel_requested_at) ON ai_requests TO ai_app;
    GRANT SELECT ON ai_results, ai_request_events, ai_workout_plans, ai_workout_plan_items,
        ai_progress_reports, ai_schedule_suggestions, ai_system_health, ai_code_suggestions
        TO ai_app;
    GRANT INSERT, SELECT ON ai_feedback TO ai_app;
    GRANT EXECUTE ON FUNCTION ai_submit TO ai_app;
END
$grants$;
