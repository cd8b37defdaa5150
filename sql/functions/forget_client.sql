-- Purpose: erases what our tables hold of a client: his requests with all that belongs to them, a
--          trainer's weeks that name him, plans, forecasts, proposed times, opinions, schedules,
--          limits of his own. Of the ledger of model calls the bill stays, without what was sent and
--          answered. Gives the rows per table.
-- Index:   none for who is named somewhere inside of a question or an answer: both are read whole,
--          before anything is locked. Then keys, ai_requests_client's kin and request_id's.
-- Caller:  forget_client.sql; admins: SELECT ai_forget_client(7).
-- Locks:   the client's schedules, approvals, requests, leases, attempts, budgets, calls, in the order in which
--          others lock them; waits for each at most five seconds.
--
-- Not versioned: people call it. Once more changes nothing but the audit log. A request that has not
-- ended goes with the others: its callers are told that it was cancelled, its worker loses the lease
-- and can write nothing under it. A model call under way settles its cost, and no words
-- (ai_call_end_v1). The audit log keeps its lines, which name requests by number.
--
-- A client is named by client_id or client_ids, however deep, or by client:<id> in requested_by,
-- fair_key or given_by. Requests that were pruned are found by the rows that outlive them.
--
-- SECURITY DEFINER, so that nobody needs a right to delete; only who was granted EXECUTE may call it.
CREATE FUNCTION ai_forget_client(
    client_id bigint,
    actor text DEFAULT session_user,
    channel text DEFAULT 'sql'
) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET lock_timeout = '5s'
    SET search_path = @schema@, pg_temp AS $function$
#variable_conflict use_column
DECLARE
    v_client CONSTANT bigint := ai_forget_client.client_id;
    v_name CONSTANT text := 'client:' || v_client;
    v_named jsonpath;
    v_ids bigint[];
    v_gone bigint[];
    v_templates bigint[];
    v_counts jsonb := '{}';
    v_count bigint;
    v_table text;
BEGIN
    IF v_client IS NULL OR v_client < 1 THEN
        RAISE EXCEPTION 'ai_forget_client: % is no client', coalesce(v_client::text, 'NULL')
            USING HINT = 'clients.id of the main app, a whole number from 1 up';
    END IF;
    v_named := format(
        '$.** ? (@.client_id == %1$s || @.client_id like_regex "^\\s*0*%1$s\\s*$"'
        ' || @.client_ids[*] == %1$s || @.client_ids[*] like_regex "^\\s*0*%1$s\\s*$")', v_client);
    -- First, or one of them would ask for him once more behind our back.
    DELETE FROM ai_schedules s WHERE s.input_data @? v_named;
    GET DIAGNOSTICS v_count = ROW_COUNT;
    v_counts := v_counts || jsonb_build_object('ai_schedules', v_count);
    v_ids := ARRAY(
        SELECT r.id FROM ai_requests r
        WHERE lower(btrim(r.requested_by)) = v_name OR lower(btrim(r.fair_key)) = v_name
            OR r.input_data @? v_named
        UNION
        SELECT s.request_id FROM ai_results s WHERE s.result @? v_named
        UNION
        SELECT p.request_id FROM ai_workout_plans p WHERE p.client_id = v_client
        UNION
        SELECT p.request_id FROM ai_progress_reports p WHERE p.client_id = v_client
        UNION
        SELECT p.request_id FROM ai_schedule_suggestions p WHERE p.client_id = v_client
        UNION
        SELECT f.request_id FROM ai_feedback f WHERE f.client_id = v_client AND f.request_id > 0
        ORDER BY 1);

    PERFORM FROM ai_approvals a WHERE a.request_id = ANY (v_ids) ORDER BY a.id FOR UPDATE;
    PERFORM FROM ai_requests r WHERE r.id = ANY (v_ids) ORDER BY r.id FOR UPDATE;
    FOREACH v_table IN ARRAY ARRAY['ai_leases', 'ai_attempts', 'ai_results', 'ai_steps',
        'ai_request_events', 'ai_approvals']
    LOOP
        EXECUTE format('DELETE FROM %I WHERE request_id = ANY ($1)', v_table) USING v_ids;
        GET DIAGNOSTICS v_count = ROW_COUNT;
        v_counts := v_counts || jsonb_build_object(v_table, v_count);
    END LOOP;
    WITH saved AS (DELETE FROM ai_saved_plans WHERE request_id = ANY (v_ids) RETURNING template_id)
    SELECT coalesce(array_agg(saved.template_id ORDER BY saved.template_id), '{}') INTO v_templates
    FROM saved;
    FOREACH v_table IN ARRAY ARRAY['ai_workout_plans', 'ai_progress_reports',
        'ai_schedule_suggestions']
    LOOP
        EXECUTE format('DELETE FROM %I WHERE client_id = $1', v_table) USING v_client;
        GET DIAGNOSTICS v_count = ROW_COUNT;
        v_counts := v_counts || jsonb_build_object(v_table, v_count);
    END LOOP;
    DELETE FROM ai_feedback f
    WHERE f.request_id = ANY (v_ids) OR f.client_id = v_client OR lower(f.given_by) = v_name;
    GET DIAGNOSTICS v_count = ROW_COUNT;
    v_counts := v_counts || jsonb_build_object('ai_feedback', v_count);
    UPDATE ai_control c SET key_cursor = '' WHERE lower(btrim(c.key_cursor)) = v_name;

    WITH gone AS (
        DELETE FROM ai_requests r WHERE r.id = ANY (v_ids) RETURNING r.id, r.finished_at
    ),
    told AS (
        SELECT g.id, pg_notify('ai_results', format('{"id": %s, "status": "cancelled"}', g.id)),
            pg_notify('ai_requests', format('{"cancel": %s}', g.id))
        FROM gone g WHERE g.finished_at IS NULL AND pg_notification_queue_usage() < 0.5
    )
    SELECT array_agg(g.id), count(*) INTO v_gone, v_count
    FROM gone g, (SELECT count(*) FROM told) t;
    v_counts := v_counts || jsonb_build_object('ai_requests', v_count);

    WITH mine AS MATERIALIZED (
        SELECT b.ctid FROM ai_budgets b
        WHERE lower(btrim(substr(b.scope, 5))) = v_name AND b.scope LIKE 'key:%'
            OR b.period = 'request' AND b.scope = ANY (ARRAY(
                SELECT 'request:' || g FROM unnest(v_gone) g
                UNION ALL
                SELECT 'request:' || g || ':' || a.type FROM unnest(v_gone) g CROSS JOIN ai_agents a))
        ORDER BY array_position(ARRAY['request', 'key'], split_part(b.scope, ':', 1)),
            b.scope COLLATE "C", b.period COLLATE "C"
        FOR UPDATE
    )
    DELETE FROM ai_budgets b USING mine WHERE b.ctid = mine.ctid;
    GET DIAGNOSTICS v_count = ROW_COUNT;
    v_counts := v_counts || jsonb_build_object('ai_budgets', v_count);

    UPDATE ai_llm_calls c
    SET prompt = NULL, response = NULL,
        error = CASE WHEN c.error IS NOT NULL
            THEN jsonb_build_object('code', c.error -> 'code', 'message', 'forgotten') END,
        fair_key = CASE WHEN lower(btrim(c.fair_key)) = v_name THEN '' ELSE c.fair_key END,
        scopes = s.scopes, periods = s.periods
    FROM ai_llm_calls o
    CROSS JOIN LATERAL (
        SELECT coalesce(array_agg(u.scope ORDER BY u.n), '{}') AS scopes,
            coalesce(array_agg(u.period ORDER BY u.n), '{}') AS periods
        FROM unnest(o.scopes, o.periods) WITH ORDINALITY AS u (scope, period, n)
        WHERE lower(btrim(u.scope)) <> 'key:' || v_name) s
    WHERE c.id = o.id AND (o.request_id = ANY (v_ids) OR lower(btrim(o.fair_key)) = v_name)
        AND (o.prompt IS NOT NULL OR o.response IS NOT NULL OR o.error ->> 'message' <> 'forgotten'
            OR lower(btrim(o.fair_key)) = v_name OR s.scopes <> o.scopes);
    GET DIAGNOSTICS v_count = ROW_COUNT;
    v_counts := v_counts || jsonb_build_object('ai_llm_calls', v_count)
        || jsonb_build_object('workout_templates', v_templates);
    INSERT INTO ai_audit_log (actor, channel, action, target, after)
    VALUES (ai_forget_client.actor, ai_forget_client.channel, 'forget_client', v_name, v_counts);
    RETURN v_counts;
END
$function$;

REVOKE EXECUTE ON FUNCTION ai_forget_client FROM PUBLIC;
