-- Purpose: after a crash or a promotion emptied the unlogged leases, gives every running request a
--          lease again, so that limits stay exact and living work is not run twice.
-- Index:   ai_requests_live; primary keys of ai_requests and ai_attempts.
-- Caller:  ai_claim_v1, under its advisory lock, when ai_lease_epoch has no row.
-- Locks:   waits for the running requests, in the order of their id.
--
-- An empty lease table means "unknown", not "dead": the attempts may well go on, and their workers'
-- next heartbeat proves it. FOR UPDATE, because a request that ends at this moment must not be left
-- with a lease that nobody would ever give back.
--
-- undone_to: every request up to this one may have had a claim that the crash undid, those included
-- whose insert was undone too, because the main app does not wait for the disk. Their ids must not be
-- given again: whoever still runs such a request would answer another. c_lost is more than anybody
-- inserts in the moment that a crash undoes. Who may not set the sequence claims the next c_lost
-- requests as if they were older than the crash.
CREATE FUNCTION ai_adopt_v1(p_lease interval, p_now timestamptz) RETURNS void
    LANGUAGE plpgsql SET search_path = @schema@, pg_temp AS $function$
DECLARE
    c_lost CONSTANT bigint := 100000;
    v_undone_to bigint := coalesce((SELECT max(r.id) FROM ai_requests r), 0) + c_lost;
BEGIN
    INSERT INTO ai_leases (request_id, fence, task_type, fair_key, worker_id, expires_at)
    SELECT r.id, r.fence, r.task_type, r.fair_key, coalesce(a.worker_id, ''), p_now + p_lease
    FROM ai_requests r
    LEFT JOIN ai_attempts a ON a.request_id = r.id AND a.fence = r.fence
    WHERE r.status = 'running'
    ORDER BY r.id
    FOR UPDATE OF r
    ON CONFLICT (request_id) DO NOTHING;
    IF has_sequence_privilege('ai_requests_id_seq', 'SELECT')
        AND has_sequence_privilege('ai_requests_id_seq', 'UPDATE')
    THEN
        v_undone_to := greatest(
            v_undone_to, (SELECT s.last_value FROM ai_requests_id_seq s) + c_lost);
        PERFORM setval('ai_requests_id_seq', v_undone_to);
    END IF;
    INSERT INTO ai_lease_epoch (singleton, started_at, undone_to)
    VALUES (true, p_now, v_undone_to)
    ON CONFLICT DO NOTHING;
END
$function$;
