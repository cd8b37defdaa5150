-- Purpose: refuses every change of status that the state machine does not know, whoever writes it.
-- Caller:  trigger ai_transition, BEFORE UPDATE ON ai_requests when the status changes.
-- Index:   none.
-- Locks:   none.
--
-- And ai_consistent: what else the server decides must go with the status, after every UPDATE. As
-- CHECKs the same conditions cost the main app a fifth of its insert, since the server reads each of
-- them anew for each statement, and an insert cannot break them: ai_guard has the last word there.
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

CREATE FUNCTION ai_consistent_v1() RETURNS trigger
    LANGUAGE plpgsql SET search_path = @schema@, pg_temp AS $function$
BEGIN
    RAISE EXCEPTION 'ai_requests %: status %, mode %, started_at % and finished_at % do not go together',
        NEW.id, NEW.status, NEW.mode, NEW.started_at, NEW.finished_at
        USING ERRCODE = 'check_violation',
              HINT = 'these columns are the daemon''s; cancel with cancel_requested_at';
END
$function$;

CREATE TRIGGER ai_consistent AFTER UPDATE ON ai_requests
    FOR EACH ROW
    WHEN (NOT (
        NEW.status IN ('pending', 'running', 'waiting', 'completed', 'failed', 'cancelled', 'expired')
        AND (NEW.status IN ('completed', 'failed', 'cancelled', 'expired'))
            = (NEW.finished_at IS NOT NULL)
        AND (NEW.status <> 'running' OR NEW.started_at IS NOT NULL)
        AND NEW.mode IN ('full', 'degraded', 'deterministic')))
    EXECUTE FUNCTION ai_consistent_v1();
