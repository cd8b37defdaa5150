-- Purpose: rescues requests whose lease ran out, and mends leases: those of nobody go, those missing
--          after a crash are granted one lease time, those too far ahead are clamped.
-- Index:   ai_requests_live and primary keys; ai_leases is read whole, it is small.
-- Caller:  lease_reap.sql, every 15 seconds, by every daemon; one at a time does the work.
-- Locks:   tries an advisory lock; takes only requests that nobody holds, then their leases, where
--          it waits for a renewal under way.
--
-- A lost request runs again at once, unless it is to be cancelled, its agent says on_lost = 'fail',
-- it has lost p_max_lost workers (it may be what kills them) or its attempts are used up.
--
-- Of those that lost a worker together, and not for the first time, one may be what killed it. Run
-- together again they would die together, until the attempts of all are used up: so they run again
-- a sixth of a lease time after each other, and most have ended, or not begun, when the culprit
-- strikes.
--
-- p_extend: the database's clock jumped, so "expired" means nothing: every lease starts anew, and
-- nobody is rescued this time.
--
-- Why a key is asked for as "= ANY (ARRAY[key])": see complete_v1.sql.
CREATE FUNCTION ai_reap_v2(
    p_lease interval,
    p_max_lost integer DEFAULT 5,
    p_limit integer DEFAULT 100,
    p_extend boolean DEFAULT false,
    p_now timestamptz DEFAULT NULL
) RETURNS TABLE (id bigint, fence bigint, task_type text, worker_id text, status text)
    LANGUAGE plpgsql SET jit = off SET plan_cache_mode = force_generic_plan
    SET enable_seqscan = off SET search_path = @schema@, pg_temp AS $function$
#variable_conflict use_column
DECLARE
    v_now timestamptz := coalesce(p_now, clock_timestamp());
    v_notify boolean := pg_notification_queue_usage() < 0.5;
    c_apart CONSTANT interval := p_lease / 6;
    c_most_apart CONSTANT integer := 20;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtext('ai_reap:' || current_schema()), 0) THEN
        RETURN;
    END IF;

    UPDATE ai_leases l SET expires_at = v_now + p_lease
    WHERE l.request_id = ANY (ARRAY(
        SELECT h.request_id FROM ai_leases h
        WHERE p_extend OR h.expires_at > v_now + 2 * p_lease
        FOR UPDATE SKIP LOCKED));

    INSERT INTO ai_leases (request_id, fence, task_type, fair_key, worker_id, expires_at)
    SELECT r.id, r.fence, r.task_type, r.fair_key, coalesce(a.worker_id, ''), v_now + p_lease
    FROM ai_requests r
    LEFT JOIN ai_attempts a ON a.request_id = ANY (ARRAY[r.id]) AND a.fence = r.fence
    WHERE r.status = 'running'
        AND NOT EXISTS (SELECT FROM ai_leases l WHERE l.request_id = r.id)
    ORDER BY r.id
    FOR UPDATE OF r SKIP LOCKED
    ON CONFLICT (request_id) DO NOTHING;

    -- Whoever asked for an extension wants no lease judged by its age.
    IF p_extend THEN
        RETURN;
    END IF;

    -- A lease without a running request would hold a slot for ever.
    DELETE FROM ai_leases l
    WHERE l.expires_at < v_now AND NOT EXISTS (
        SELECT FROM ai_requests r
        WHERE r.id = l.request_id AND r.fence = l.fence AND r.status = 'running');

    RETURN QUERY
    WITH dead AS MATERIALIZED (
        SELECT r.id, r.fence, l.worker_id
        FROM ai_leases l
        JOIN ai_requests r ON r.id = l.request_id AND r.fence = l.fence
        WHERE l.expires_at < v_now AND r.status = 'running'
        ORDER BY r.id
        LIMIT p_limit
        FOR UPDATE OF r SKIP LOCKED
    ),
    -- Deleting looks at expires_at once more: a heartbeat may just have renewed it.
    freed AS (
        DELETE FROM ai_leases l USING dead d
        WHERE l.request_id = d.id AND l.fence = d.fence AND l.expires_at < v_now
        RETURNING l.request_id, l.fence, d.worker_id
    ),
    decided AS MATERIALIZED (
        SELECT f.*, bill.*, end_.next,
            CASE end_.next
                WHEN 'cancelled' THEN NULL
                WHEN 'failed' THEN jsonb_build_object('code', 'lost', 'retryable', true,
                    'message', format('its worker was lost %s times, the last in attempt %s',
                        r.lost_count + 1, r.attempt),
                    'hint', 'see ai_attempts; ai_retry(id) tries again')
                ELSE jsonb_build_object('code', 'lost', 'retryable', true,
                    'message', format('its worker was lost in attempt %s', r.attempt),
                    'hint', CASE WHEN r.lost_count > 0
                        THEN 'it runs again by itself, apart from what was lost with it'
                        ELSE 'it runs again by itself' END)
            END AS error,
            CASE WHEN end_.next = 'pending' AND r.lost_count > 0 THEN c_apart * least(c_most_apart,
                count(*) FILTER (WHERE end_.next = 'pending' AND r.lost_count > 0)
                    OVER (ORDER BY f.request_id) - 1)
            END AS apart
        FROM freed f
        JOIN LATERAL (SELECT * FROM ai_requests q WHERE q.id = ANY (ARRAY[f.request_id])) r ON true
        LEFT JOIN ai_control c ON c.task_type = r.task_type
        CROSS JOIN LATERAL (
            SELECT CASE
                WHEN r.cancel_requested_at IS NOT NULL THEN 'cancelled'
                WHEN c.on_lost = 'fail' OR r.lost_count + 1 >= p_max_lost
                    OR r.attempt >= r.max_attempts THEN 'failed'
                ELSE 'pending' END AS next) end_
        CROSS JOIN LATERAL (
            SELECT coalesce(sum(k.input_tokens) FILTER (WHERE own), 0) AS input_tokens,
                coalesce(sum(k.output_tokens) FILTER (WHERE own), 0) AS output_tokens,
                coalesce(sum(k.cost_usd) FILTER (WHERE own), 0) AS attempt_usd,
                coalesce(sum(k.cost_usd),
                    CASE WHEN bool_or(k.cost_state = 'unpriced') THEN NULL ELSE 0 END
                ) AS request_usd
            FROM (
                SELECT q.*, q.fence = f.fence AS own
                FROM ai_llm_calls q WHERE q.request_id = f.request_id) k) bill
    ),
    written AS (
        UPDATE ai_requests r
        SET status = d.next, lost_count = r.lost_count + 1, error = d.error,
            cost_usd = d.request_usd,
            run_after = coalesce(v_now + d.apart, r.run_after),
            finished_at = CASE WHEN d.next <> 'pending' THEN v_now END
        FROM decided d
        WHERE r.id = ANY (ARRAY[d.request_id]) AND r.fence = d.fence AND r.status = 'running'
        RETURNING r.id, r.fence, r.task_type, d.worker_id, r.status
    ),
    noted AS (
        UPDATE ai_attempts a
        SET outcome = 'lost', finished_at = v_now, input_tokens = d.input_tokens,
            output_tokens = d.output_tokens, cost_usd = d.attempt_usd
        FROM decided d
        WHERE a.request_id = ANY (ARRAY[d.request_id]) AND a.fence = d.fence AND a.outcome IS NULL
    ),
    told AS (
        SELECT pg_notify('ai_results', format('{"id": %s, "status": "%s"}', w.id, w.status))
        FROM written w WHERE v_notify AND w.status <> 'pending'
    ),
    rung AS (
        SELECT ai_ring() FROM (
            SELECT FROM written w WHERE w.status = 'pending' LIMIT 1) z
    )
    SELECT w.id, w.fence, w.task_type, w.worker_id, w.status
    FROM written w, (SELECT count(*) FROM told) t, (SELECT count(*) FROM rung) b;
END
$function$;
