-- Purpose: renews a worker's leases and tells which of its requests are to stop. An attempt that is
--          not in the answer is lost: somebody else has it, or it has ended.
-- Index:   primary keys of ai_leases, ai_requests, ai_attempts.
-- Caller:  lease_renew.sql, on the heartbeat's own connection, every third of a lease.
-- Locks:   its own lease rows; waits for no row. A locked ai_requests table is waited for for at
--          most lock_timeout, and the leases are renewed all the same.
--
-- The answer follows the request row, not the lease: a lease lost in a crash is made anew as long as
-- the attempt row names this worker, and one that another transaction holds at this moment is simply
-- renewed next time.
CREATE FUNCTION ai_heartbeat_v1(
    p_worker text,
    p_ids bigint[],
    p_fences bigint[],
    p_lease interval,
    p_now timestamptz DEFAULT NULL
) RETURNS TABLE (id bigint, fence bigint, cancel boolean)
    LANGUAGE plpgsql SET jit = off SET plan_cache_mode = force_generic_plan
    SET enable_seqscan = off SET lock_timeout = '2s'
    SET search_path = @schema@, pg_temp AS $function$
#variable_conflict use_column
DECLARE
    v_now timestamptz := coalesce(p_now, clock_timestamp());
    v_renewed integer;
BEGIN
    UPDATE ai_leases l SET expires_at = v_now + p_lease
    WHERE l.request_id = ANY (ARRAY(
        SELECT h.request_id
        FROM unnest(p_ids, p_fences) AS i(id, fence)
        JOIN ai_leases h ON h.request_id = i.id AND h.fence = i.fence
        WHERE h.worker_id = p_worker
        FOR UPDATE OF h SKIP LOCKED));
    GET DIAGNOSTICS v_renewed = ROW_COUNT;
    BEGIN
        IF v_renewed < cardinality(p_ids) THEN
            INSERT INTO ai_leases (request_id, fence, task_type, fair_key, worker_id, expires_at)
            SELECT r.id, r.fence, r.task_type, r.fair_key, p_worker, v_now + p_lease
            FROM unnest(p_ids, p_fences) AS i(id, fence)
            JOIN ai_requests r ON r.id = i.id AND r.fence = i.fence
            JOIN ai_attempts a ON a.request_id = r.id AND a.fence = r.fence
            WHERE a.worker_id = p_worker AND r.status = 'running'
                AND NOT EXISTS (SELECT FROM ai_leases l WHERE l.request_id = r.id)
            ORDER BY r.id
            FOR UPDATE OF r SKIP LOCKED
            ON CONFLICT (request_id) DO NOTHING;
        END IF;
        RETURN QUERY
        SELECT r.id, r.fence, r.cancel_requested_at IS NOT NULL
        FROM unnest(p_ids, p_fences) AS i(id, fence)
        JOIN ai_requests r ON r.id = i.id AND r.fence = i.fence
        WHERE r.status = 'running' AND EXISTS (
            SELECT FROM ai_attempts a
            WHERE a.request_id = r.id AND a.fence = r.fence AND a.worker_id = p_worker);
    EXCEPTION WHEN lock_not_available THEN
        RETURN QUERY
        SELECT l.request_id, l.fence, false
        FROM unnest(p_ids, p_fences) AS i(id, fence)
        JOIN ai_leases l ON l.request_id = i.id AND l.fence = i.fence
        WHERE l.worker_id = p_worker;
    END;
END
$function$;
