-- Purpose: refuses every change of status that the state machine does not know, whoever writes it.
-- Caller:  trigger ai_transition, BEFORE UPDATE ON ai_requests when the status changes.
-- Index:   none.
-- Locks:   none.
--
-- The same table stands in daemon/model.py (TRANSITIONS); a test walks all pairs through both.
CREATE FUNCTION ai_transition_v1() RETURNS trigger
    LANGUAGE plpgsql SET search_path = @schema@, pg_temp AS $function$
BEGIN
    IF NOT (CASE OLD.status
        WHEN 'pending' THEN
            NEW.status IN ('running', 'completed', 'failed', 'cancelled', 'expired')
        WHEN 'running' THEN
            NEW.status IN ('pending', 'waiting', 'completed', 'failed', 'cancelled')
        WHEN 'waiting' THEN NEW.status IN ('pending', 'cancelled')
        WHEN 'failed' THEN NEW.status = 'pending'
        WHEN 'cancelled' THEN NEW.status = 'pending'
        WHEN 'expired' THEN NEW.status = 'pending'
        ELSE false
    END)
    THEN
        RAISE EXCEPTION 'ai_requests %: status % cannot become %', OLD.id, OLD.status, NEW.status
            USING ERRCODE = 'check_violation',
                  HINT = 'cancel with cancel_requested_at, reopen with ai_retry(id)';
    END IF;
    RETURN NEW;
END
$function$;

CREATE TRIGGER ai_transition BEFORE UPDATE OF status ON ai_requests
    FOR EACH ROW
    WHEN (OLD.status IS DISTINCT FROM NEW.status)
    EXECUTE FUNCTION ai_transition_v1();
