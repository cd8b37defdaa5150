-- Rights of people who operate the service by SQL: edit settings, answer questions, cancel and retry.
-- Nobody needs to write results, attempts, the ledger or the audit log.
--
--   CREATE ROLE ai_admin NOLOGIN;
--   GRANT ai_admin, ai_reader TO somebody;
--
-- Roles belong to the whole server, so we never create one. Where the role exists, every
-- `python -m daemon migrate` runs this file; with psql run it as the owner of the tables. Running it
-- again changes nothing.
--
-- ai_admin reads only what it edits: grant ai_reader too. A status is never written by hand: cancel with
-- cancel_requested_at, reopen with ai_retry(), which writes the audit log. Agents are archived, not
-- deleted.
DO $grants$
BEGIN
    IF to_regrole('ai_admin') IS NULL THEN
        RAISE NOTICE 'there is no role ai_admin; nothing was granted';
        RETURN;
    END IF;
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO ai_admin', current_schema());
    GRANT INSERT, SELECT, UPDATE (cancel_requested_at) ON ai_requests TO ai_admin;
    GRANT SELECT, INSERT,
        UPDATE (name, type, description, config, enabled, archived_at, updated_by)
        ON ai_agents TO ai_admin;
    GRANT SELECT, INSERT,
        UPDATE (paused, resume_at, concurrency, per_key, starts_per_minute, daily_budget_usd,
            on_lost)
        ON ai_control TO ai_admin;
    GRANT SELECT, INSERT (scope, period, limit_usd, interim_usd, interim_until),
        UPDATE (limit_usd, interim_usd, interim_until) ON ai_budgets TO ai_admin;
    GRANT SELECT, INSERT ON ai_model_prices TO ai_admin;
    GRANT SELECT, INSERT, DELETE,
        UPDATE (task_type, trigger, time_zone, input_data, priority, misfire,
            misfire_grace_seconds, for_each, enabled)
        ON ai_schedules TO ai_admin;
    GRANT SELECT, UPDATE (answer, decided_at, decided_by) ON ai_approvals TO ai_admin;
    GRANT SELECT, UPDATE (drain_requested_at) ON ai_workers TO ai_admin;
    GRANT SELECT, UPDATE (status, decided_by, decision_reason, resolved_at)
        ON ai_code_suggestions TO ai_admin;
    GRANT SELECT, UPDATE (branch, every_seconds, enabled) ON ai_code_sources TO ai_admin;
    GRANT SELECT, INSERT ON ai_feedback TO ai_admin;
    GRANT SELECT ON ai_healing_actions, ai_alerts TO ai_admin;
    GRANT EXECUTE ON FUNCTION ai_heal_answer, ai_acknowledge, ai_silence TO ai_admin;
    GRANT EXECUTE ON FUNCTION ai_submit, ai_retry, ai_answer, ai_ring, ai_suggestion_decide,
        ai_forget_client
        TO ai_admin;
END
$grants$;
