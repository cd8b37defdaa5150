-- Purpose: sends a waiting request back to work once a person, or the timeout, answered its last
--          open question.
-- Index:   primary key of ai_requests; ai_approvals by request_id.
-- Caller:  trigger ai_answered on ai_approvals.
-- Locks:   the request, before it looks.
--
-- The step to `waiting` in ai_complete_v1 locks the same row before it looks for open questions. If
-- either looked first, an answer that comes while the attempt suspends would be lost for ever.
-- SECURITY DEFINER: whoever may answer need not be allowed to write requests.
CREATE FUNCTION ai_answered_v1() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = @schema@, pg_temp AS $function$
BEGIN
    PERFORM FROM ai_requests r WHERE r.id = NEW.request_id FOR UPDATE;
    UPDATE ai_requests r SET status = 'pending', run_after = clock_timestamp()
    WHERE r.id = NEW.request_id AND r.status = 'waiting' AND NOT EXISTS (
        SELECT FROM ai_approvals a WHERE a.request_id = r.id AND a.decided_at IS NULL);
    IF FOUND THEN
        PERFORM ai_ring();
    END IF;
    RETURN NULL;
END
$function$;

CREATE TRIGGER ai_answered AFTER UPDATE OF decided_at ON ai_approvals
    FOR EACH ROW
    WHEN (OLD.decided_at IS NULL AND NEW.decided_at IS NOT NULL)
    EXECUTE FUNCTION ai_answered_v1();
