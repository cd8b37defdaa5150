-- Purpose: grants another lease time to lost requests that the database does not let go back or end,
--          as where a trigger of the main app's raises, so that ai_reap_v2 can rescue the others.
-- Index:   ai_requests_live and primary keys; ai_leases is read whole, it is small.
-- Caller:  lease_later.sql, after a refusal.
-- Locks:   requests that nobody holds, one after the other, then the leases of those refused.
--
-- What is refused comes without words: those of a trigger may name a client.
CREATE FUNCTION ai_reap_later_v1(
    p_lease interval, p_max_lost integer, p_limit integer, p_now timestamptz
) RETURNS TABLE (id bigint, refusal text)
    LANGUAGE plpgsql SET jit = off SET plan_cache_mode = force_generic_plan
    SET enable_seqscan = off SET search_path = @schema@, pg_temp AS $function$
#variable_conflict use_column
DECLARE
    v_now timestamptz := coalesce(p_now, clock_timestamp());
    v_ids bigint[] := ARRAY(
        SELECT r.id FROM ai_leases l
        JOIN ai_requests r ON r.id = l.request_id AND r.fence = l.fence
        WHERE l.expires_at < v_now AND r.status = 'running'
        ORDER BY r.id LIMIT p_limit);
    v_id bigint;
    v_context text;
    v_by text;
BEGIN
    SET CONSTRAINTS ALL IMMEDIATE;
    FOREACH v_id IN ARRAY v_ids LOOP
        BEGIN
            UPDATE ai_requests r
            SET lost_count = r.lost_count + 1, (status, finished_at) = (
                SELECT n.next, CASE WHEN n.next <> 'pending' THEN v_now END
                FROM (SELECT CASE
                    WHEN r.cancel_requested_at IS NOT NULL THEN 'cancelled'
                    WHEN r.lost_count + 1 >= p_max_lost OR r.attempt >= r.max_attempts
                        OR EXISTS (SELECT FROM ai_control c
                            WHERE c.task_type = r.task_type AND c.on_lost = 'fail') THEN 'failed'
                    ELSE 'pending' END AS next) n)
            WHERE r.status = 'running' AND r.id = ANY (ARRAY(
                SELECT l.id FROM ai_requests l WHERE l.id = v_id FOR UPDATE SKIP LOCKED));
            RAISE SQLSTATE 'AI000';
        EXCEPTION WHEN SQLSTATE 'AI000' THEN
            NULL;
        WHEN OTHERS THEN
            -- What passes by itself is for the caller: see is_transient in daemon/database.py.
            IF left(SQLSTATE, 2) IN ('08', '40', '53', '57', '58')
                OR SQLSTATE IN ('55P03', '25006')
            THEN
                RAISE;
            END IF;
            GET STACKED DIAGNOSTICS v_context = PG_EXCEPTION_CONTEXT, v_by = CONSTRAINT_NAME;
            v_by := coalesce(nullif(v_by, ''), substring(v_context FROM 'function ([\w.]+)'));
            UPDATE ai_leases l SET expires_at = v_now + p_lease
            WHERE l.request_id = v_id AND l.expires_at < v_now;
            id := v_id;
            refusal := 'SQLSTATE ' || SQLSTATE || coalesce(', by ' || v_by, '');
            RETURN NEXT;
        END;
    END LOOP;
END
$function$;
