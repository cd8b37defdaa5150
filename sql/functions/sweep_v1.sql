-- Purpose: ends what no attempt holds: a pending or waiting request with a cancel becomes cancelled,
--          an overdue pending one expired. Answers overdue approvals with {"decision": "timeout"}.
--          Has intake look again at what waits for an agent that is archived by now.
-- Index:   ai_requests_stop, ai_requests_expire, ai_approvals_open, ai_requests_fair.
-- Caller:  request_sweep.sql, every two seconds, ten where it is quiet, and on a cancel.
-- Locks:   requests, then approvals, only those that nobody holds; a request held now is swept next
--          time.
CREATE FUNCTION ai_sweep_v1(p_limit integer DEFAULT 200, p_now timestamptz DEFAULT NULL)
    RETURNS TABLE (id bigint, task_type text, status text)
    LANGUAGE plpgsql SET jit = off SET plan_cache_mode = force_generic_plan
    SET enable_seqscan = off SET search_path = @schema@, pg_temp AS $function$
#variable_conflict use_column
DECLARE
    v_now timestamptz := coalesce(p_now, clock_timestamp());
    v_notify boolean := pg_notification_queue_usage() < 0.5;
    v_overdue bigint[];
BEGIN
    RETURN QUERY
    WITH stopped AS MATERIALIZED (
        SELECT r.id FROM ai_requests r
        WHERE r.cancel_requested_at IS NOT NULL AND r.status IN ('pending', 'waiting')
        ORDER BY r.id LIMIT p_limit
        FOR UPDATE SKIP LOCKED
    ),
    expired AS MATERIALIZED (
        SELECT r.id FROM ai_requests r
        WHERE r.status = 'pending' AND r.expires_at <= v_now AND r.cancel_requested_at IS NULL
        ORDER BY r.expires_at LIMIT p_limit
        FOR UPDATE SKIP LOCKED
    ),
    ended AS (
        UPDATE ai_requests r
        SET finished_at = v_now, error = NULL,
            status = CASE WHEN r.id = ANY (ARRAY(SELECT s.id FROM stopped s))
                THEN 'cancelled' ELSE 'expired' END
        WHERE r.id = ANY (ARRAY(SELECT s.id FROM stopped s UNION SELECT e.id FROM expired e))
            AND r.status IN ('pending', 'waiting')
        RETURNING r.id, r.task_type, r.status
    ),
    told AS (
        SELECT pg_notify('ai_results', format('{"id": %s, "status": "%s"}', e.id, e.status))
        FROM ended e WHERE v_notify
    )
    SELECT e.id, e.task_type, e.status FROM ended e, (SELECT count(*) FROM told) t;

    -- Its agent was there when they came. The types are walked from one to the next; of each type
    -- without an agent the first few are looked at, and those that are told fall away.
    UPDATE ai_requests r SET checked = false
    WHERE r.status = 'pending' AND r.id = ANY (ARRAY(
        WITH RECURSIVE types AS (
            (SELECT q.task_type, 1 AS n FROM ai_requests q
             WHERE q.status = 'pending' AND q.fair_key >= '' ORDER BY q.task_type LIMIT 1)
            UNION ALL
            SELECT (SELECT q.task_type FROM ai_requests q
                    WHERE q.status = 'pending' AND q.fair_key >= '' AND q.task_type > t.task_type
                    ORDER BY q.task_type LIMIT 1), t.n + 1
            FROM types t WHERE t.task_type IS NOT NULL AND t.n < 200
        )
        SELECT l.id FROM ai_requests l WHERE l.id = ANY (ARRAY(
            SELECT first.id FROM types t
            CROSS JOIN LATERAL (
                SELECT q.id, q.checked FROM ai_requests q
                WHERE q.status = 'pending' AND q.fair_key >= '' AND q.task_type = t.task_type
                LIMIT least(p_limit, 40)) first
            WHERE first.checked AND NOT EXISTS (SELECT FROM ai_agents a
                WHERE a.type = t.task_type AND a.archived_at IS NULL)))
        FOR UPDATE SKIP LOCKED));

    -- The requests first: the trigger on the answer would otherwise wait for them one by one.
    v_overdue := ARRAY(
        SELECT r.id FROM ai_requests r
        WHERE r.id = ANY (ARRAY(
            SELECT a.request_id FROM ai_approvals a
            WHERE a.decided_at IS NULL AND a.expires_at <= v_now
            ORDER BY a.expires_at LIMIT p_limit))
        ORDER BY r.id
        FOR UPDATE SKIP LOCKED);
    IF cardinality(v_overdue) = 0 THEN
        RETURN;
    END IF;
    UPDATE ai_approvals a
    SET answer = '{"decision": "timeout"}', decided_at = v_now, decided_by = 'timeout'
    WHERE a.id = ANY (ARRAY(
        SELECT q.id FROM ai_approvals q
        WHERE q.request_id = ANY (v_overdue) AND q.decided_at IS NULL AND q.expires_at <= v_now
        FOR UPDATE SKIP LOCKED));
    RETURN QUERY
    SELECT r.id, r.task_type, r.status FROM ai_requests r
    WHERE r.id = ANY (v_overdue) AND r.status = 'pending';
END
$function$;
