-- Purpose: after a crash or a promotion emptied the unlogged leases, gives every running request a
--          lease again, so that limits stay exact and living work is not run twice.
-- Index:   ai_requests_live; primary key of ai_attempts.
-- Caller:  ai_claim_v1, under its advisory lock, when ai_lease_epoch has no row.
-- Locks:   waits for the running requests, in the order of their id.
--
-- An empty lease table means "unknown", not "dead": the attempts may well go on, and their workers'
-- next heartbeat proves it. FOR UPDATE, because a request that ends at this moment must not be left
-- with a lease that nobody would ever give back.
--
-- undone_to: every request up to this one may have had a claim that the crash undid.
CREATE FUNCTION ai_adopt_v1(p_lease interval, p_now timestamptz) RETURNS void
    LANGUAGE plpgsql SET search_path = @schema@, pg_temp AS $function$
BEGIN
    INSERT INTO ai_leases (request_id, fence, task_type, fair_key, worker_id, expires_at)
    SELECT r.id, r.fence, r.task_type, r.fair_key, coalesce(a.worker_id, ''), p_now + p_lease
    FROM ai_requests r
    LEFT JOIN ai_attempts a ON a.request_id = r.id AND a.fence = r.fence
    WHERE r.status = 'running'
    ORDER BY r.id
    FOR UPDATE OF r
    ON CONFLICT (request_id) DO NOTHING;
    INSERT INTO ai_lease_epoch (singleton, started_at, undone_to)
    SELECT true, p_now, coalesce(max(r.id), 0) FROM ai_requests r
    ON CONFLICT DO NOTHING;
END
$function$;
