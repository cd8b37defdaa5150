-- Rights of people and dashboards that look: SELECT on everything of ours but secrets.
--
--   CREATE ROLE ai_reader NOLOGIN;
--   GRANT ai_reader TO somebody;
--
-- Roles belong to the whole server, so we never create one. Where the role exists, every
-- `python -m daemon migrate` runs this file; with psql run it as the owner of the tables. Running it
-- again changes nothing.
--
-- Questions, answers and prompts are readable here, and may hold what clients told about their
-- health: give this role to those who may know. Tables are named one by one, so that a new table is
-- closed until somebody opens it; keys and sessions never are.
DO $grants$
BEGIN
    IF to_regrole('ai_reader') IS NULL THEN
        RAISE NOTICE 'there is no role ai_reader; nothing was granted';
        RETURN;
    END IF;
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO ai_reader', current_schema());
    GRANT SELECT ON
        ai_requests, ai_results, ai_attempts, ai_leases, ai_lease_epoch, ai_steps,
        ai_request_events, ai_control, ai_agents, ai_agent_versions, ai_workers,
        ai_llm_calls, ai_budgets, ai_rate_buckets, ai_provider_state, ai_model_prices,
        ai_approvals, ai_schedules, ai_audit_log, ai_alembic_version,
        ai_workout_plans, ai_workout_plan_items, ai_progress_reports, ai_schedule_suggestions,
        ai_system_health, ai_code_suggestions,
        ai_healing_actions, ai_alerts, ai_alert_deliveries, ai_alert_states,
        ai_dead_letters, ai_agent_performance, ai_queue_depth, ai_cost_daily, ai_cost_check,
        ai_budget_check, ai_progress_calibration, ai_schedule_acceptance,
        ai_code_sources, ai_code_repositories,
        ai_feedback, ai_feedback_summary, ai_saved_plans,
        ai_hours, ai_call_hours
        TO ai_reader;
END
$grants$;
