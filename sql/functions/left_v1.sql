-- Purpose: what a claim has left: whether requests are due (of whatever type, held back by a limit or
--          locked included), whether intake has some to look at, and the seconds until the next one
--          becomes due or the next paused agent resumes.
-- Index:   ai_requests_due, ai_requests_unchecked.
-- Caller:  request_claim.sql, after the claim: its statements see what the claim has taken.
-- Locks:   none.
--
-- It judges by the moment at which the statement began, before the claim's own: what became due in
-- between was not taken, and counts as due next, in no time at all. Judged by a later moment it would
-- be neither next nor taken, and be forgotten.
--
-- A moment that never comes ('infinity') is in infinitely many seconds; two moments could not be
-- subtracted then, which would fail every claim.
--
-- Spares the statements by which a daemon would find out: a claim that leaves nothing due need not be
-- repeated, neither at once nor when a slot becomes free.
CREATE FUNCTION ai_left_v1(p_now timestamptz)
    RETURNS TABLE (due boolean, unchecked boolean, next_due_seconds double precision)
    LANGUAGE plpgsql SET jit = off SET plan_cache_mode = force_generic_plan
    SET enable_seqscan = off SET search_path = @schema@, pg_temp AS $function$
DECLARE
    v_now timestamptz := coalesce(p_now, now());
BEGIN
    RETURN QUERY SELECT
        EXISTS (
            SELECT FROM ai_requests r
            WHERE r.status = 'pending' AND r.run_after >= '-infinity' AND r.run_after <= v_now),
        EXISTS (SELECT FROM ai_requests r WHERE r.status = 'pending' AND NOT r.checked),
        (extract(epoch FROM least(
            (SELECT r.run_after FROM ai_requests r
             WHERE r.status = 'pending' AND r.run_after >= '-infinity' AND r.run_after > v_now
             ORDER BY r.run_after LIMIT 1),
            (SELECT min(c.resume_at) FROM ai_control c WHERE c.paused AND c.resume_at > v_now)
        )) - extract(epoch FROM coalesce(p_now, clock_timestamp())))::double precision;
END
$function$;
