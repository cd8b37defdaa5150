-- Purpose: ends what no attempt holds: a pending or waiting request with a cancel becomes cancelled,
--          an overdue pending one expired. Answers overdue approvals with {"decision": "timeout"}.
--          Has intake look again at what waits for an agent that is archived by now.
-- Index:   ai_requests_stop, ai_requests_expire, ai_approvals_open, ai_requests_fair.
-- Caller:  request_sweep.sql, every two seconds, ten where it is quiet, and on a cancel.
-- Locks:   requests, then approvals, only those that nobody holds; a request held now is swept next
--          time.
--
-- What the database does not let end, as where a trigger of the main app's raises, holds up nobody
-- else: all go together, and one by one where that is refused. The refused come with a refusal,
-- without words: those of a trigger may name a client. p_past: requests to pass over.
CREATE FUNCTION ai_sweep_v2(p_limit integer, p_now timestamptz, p_past bigint[])
    RETURNS TABLE (id bigint, task_type text, status text, refusal text)
    LANGUAGE plpgsql SET jit = off SET plan_cache_mode = force_generic_plan
    SET enable_seqscan = off SET search_path = @schema@, pg_temp AS $function$
#variable_conflict use_column
DECLARE
    v_now timestamptz := coalesce(p_now, clock_timestamp());
    v_notify boolean := pg_notification_queue_usage() < 0.5;
    v_duty text;
    v_stopped bigint[];
    v_ids bigint[];
    v_some bigint[];
    v_from integer;
    v_size integer;
    v_ended jsonb;
    v_context text;
    v_by text;
BEGIN
    FOREACH v_duty IN ARRAY ARRAY['end', 'check', 'answer'] LOOP
        IF v_duty = 'end' THEN
            v_stopped := ARRAY(
                SELECT r.id FROM ai_requests r
                WHERE r.cancel_requested_at IS NOT NULL AND r.status IN ('pending', 'waiting')
                    AND r.id <> ALL (p_past)
                ORDER BY r.id LIMIT p_limit
                FOR UPDATE SKIP LOCKED);
            v_ids := v_stopped || ARRAY(
                SELECT r.id FROM ai_requests r
                WHERE r.status = 'pending' AND r.expires_at <= v_now
                    AND r.cancel_requested_at IS NULL AND r.id <> ALL (p_past)
                ORDER BY r.expires_at LIMIT p_limit
                FOR UPDATE SKIP LOCKED);
        ELSIF v_duty = 'check' THEN
            -- Its agent was there when they came. The types are walked from one to the next; of
            -- each type without an agent the first few are looked at, and those that are told fall
            -- away.
            v_ids := ARRAY(
                WITH RECURSIVE types AS (
                    (SELECT q.task_type, 1 AS n FROM ai_requests q
                     WHERE q.status = 'pending' AND q.fair_key >= ''
                     ORDER BY q.task_type LIMIT 1)
                    UNION ALL
                    SELECT (SELECT q.task_type FROM ai_requests q
                            WHERE q.status = 'pending' AND q.fair_key >= ''
                                AND q.task_type > t.task_type
                            ORDER BY q.task_type LIMIT 1), t.n + 1
                    FROM types t WHERE t.task_type IS NOT NULL AND t.n < 200
                )
                SELECT l.id FROM ai_requests l WHERE l.status = 'pending' AND l.id = ANY (ARRAY(
                    SELECT first.id FROM types t
                    CROSS JOIN LATERAL (
                        SELECT q.id, q.checked FROM ai_requests q
                        WHERE q.status = 'pending' AND q.fair_key >= ''
                            AND q.task_type = t.task_type
                        LIMIT least(p_limit, 40)) first
                    WHERE first.checked AND first.id <> ALL (p_past)
                        AND NOT EXISTS (SELECT FROM ai_agents a
                            WHERE a.type = t.task_type AND a.archived_at IS NULL)))
                FOR UPDATE SKIP LOCKED);
        ELSE
            -- The requests first: the trigger on the answer would otherwise wait for them one by
            -- one.
            v_ids := ARRAY(
                SELECT r.id FROM ai_requests r
                WHERE r.id = ANY (ARRAY(
                    SELECT a.request_id FROM ai_approvals a
                    WHERE a.decided_at IS NULL AND a.expires_at <= v_now
                        AND a.request_id <> ALL (p_past)
                    ORDER BY a.expires_at LIMIT p_limit))
                ORDER BY r.id
                FOR UPDATE SKIP LOCKED);
        END IF;
        v_from := 1;
        v_size := cardinality(v_ids);
        WHILE v_from <= cardinality(v_ids) LOOP
            v_some := v_ids[v_from : v_from + v_size - 1];
            BEGIN
                IF v_duty = 'end' THEN
                    WITH ended AS (
                        UPDATE ai_requests r
                        SET finished_at = v_now, error = NULL,
                            status = CASE WHEN r.id = ANY (v_stopped)
                                THEN 'cancelled' ELSE 'expired' END
                        WHERE r.id = ANY (v_some) AND r.status IN ('pending', 'waiting')
                        RETURNING r.id, r.task_type, r.status
                    ),
                    told AS (
                        SELECT pg_notify('ai_results',
                            format('{"id": %s, "status": "%s"}', e.id, e.status))
                        FROM ended e WHERE v_notify
                    )
                    SELECT jsonb_agg(to_jsonb(e)) INTO v_ended
                    FROM ended e, (SELECT count(*) FROM told) t;
                ELSIF v_duty = 'check' THEN
                    UPDATE ai_requests r SET checked = false WHERE r.id = ANY (v_some);
                ELSE
                    UPDATE ai_approvals a
                    SET answer = '{"decision": "timeout"}', decided_at = v_now,
                        decided_by = 'timeout'
                    WHERE a.id = ANY (ARRAY(
                        SELECT q.id FROM ai_approvals q
                        WHERE q.request_id = ANY (v_some) AND q.decided_at IS NULL
                            AND q.expires_at <= v_now
                        FOR UPDATE SKIP LOCKED));
                    SELECT jsonb_agg(to_jsonb(e)) INTO v_ended
                    FROM (SELECT r.id, r.task_type, r.status FROM ai_requests r
                        WHERE r.id = ANY (v_some) AND r.status = 'pending') e;
                END IF;
                v_from := v_from + v_size;
            EXCEPTION WHEN OTHERS THEN
                -- What passes by itself is for the caller: see is_transient in daemon/database.py.
                IF left(SQLSTATE, 2) IN ('08', '40', '53', '57', '58')
                    OR SQLSTATE IN ('55P03', '25006')
                THEN
                    RAISE;
                END IF;
                v_ended := NULL;
                IF v_size = 1 THEN
                    GET STACKED DIAGNOSTICS v_context = PG_EXCEPTION_CONTEXT,
                        v_by = CONSTRAINT_NAME;
                    v_by := coalesce(nullif(v_by, ''), substring(v_context FROM 'function ([\w.]+)'));
                    v_ended := jsonb_build_array(jsonb_build_object('id', v_some[1], 'refusal',
                        'SQLSTATE ' || SQLSTATE || coalesce(', by ' || v_by, '')));
                    v_from := v_from + 1;
                END IF;
                v_size := 1;
            END;
            RETURN QUERY
            SELECT e.id, e.task_type, e.status, e.refusal FROM jsonb_to_recordset(v_ended)
                AS e (id bigint, task_type text, status text, refusal text);
            v_ended := NULL;
        END LOOP;
    END LOOP;
END
$function$;
