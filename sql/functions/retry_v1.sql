-- Purpose: reopens a failed, cancelled or expired request, with a line in the audit log. False if the
--          request is in no such state.
-- Index:   primary key of ai_requests.
-- Caller:  request_retry.sql; admins: SELECT ai_retry(7, 'name').
-- Locks:   the request.
--
-- Not versioned: people call it. Everything starts anew but the fence: once claimed again, a zombie of
-- the earlier life stays a stranger. The agent's configuration is pinned anew: whoever retries has
-- perhaps just corrected it. A question that timed out is asked again. SECURITY DEFINER, so
-- that an admin needs no right to write a status by hand; only who was granted EXECUTE may call it.
CREATE FUNCTION ai_retry(
    request_id bigint,
    actor text DEFAULT session_user,
    channel text DEFAULT 'sql',
    p_now timestamptz DEFAULT NULL
) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = @schema@, pg_temp AS $function$
#variable_conflict use_column
DECLARE
    v_now timestamptz := coalesce(p_now, clock_timestamp());
    v_before jsonb;
BEGIN
    SELECT jsonb_build_object('status', r.status, 'attempt', r.attempt,
            'lost_count', r.lost_count, 'error_code', r.error -> 'code')
        INTO v_before
    FROM ai_requests r
    WHERE r.id = ai_retry.request_id AND r.status IN ('failed', 'cancelled', 'expired')
    FOR UPDATE;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    DELETE FROM ai_approvals a
    WHERE a.id = ANY (ARRAY(
        SELECT q.id FROM ai_approvals q
        WHERE q.request_id = ai_retry.request_id AND q.decided_by = 'timeout'
        FOR UPDATE SKIP LOCKED));
    UPDATE ai_requests r
    SET status = 'pending', attempt = 0, lost_count = 0, checked = false, error = NULL,
        cancel_requested_at = NULL, finished_at = NULL, agent_version = NULL, run_after = v_now,
        expires_at = CASE WHEN r.expires_at > v_now THEN r.expires_at END
    WHERE r.id = ai_retry.request_id;
    INSERT INTO ai_audit_log (actor, channel, action, target, before, after)
    VALUES (ai_retry.actor, ai_retry.channel, 'retry', 'request:' || ai_retry.request_id,
        v_before, '{"status": "pending"}');
    PERFORM ai_ring();
    RETURN true;
END
$function$;
