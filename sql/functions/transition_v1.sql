-- Purpose: refuses every change of status that the state machine does not know, and a status whose
--          columns do not fit it, whoever writes it.
-- Caller:  trigger ai_transition, BEFORE UPDATE ON ai_requests of one of these columns. What every
--          request goes through, pending to running to completed, the trigger's own condition judges.
-- Index:   none.
-- Locks:   none.
--
-- The same table stands in daemon/model.py (TRANSITIONS); a test walks all pairs through both.
--
-- CHECK constraints would say the rest more briefly. Yet the server makes each of them ready anew for
-- every statement, so four of them cost the main app's insert as much as all our triggers, and an
-- insert needs none: ai_guard_v1 leaves it no choice.
CREATE FUNCTION ai_transition_v1() RETURNS trigger
    LANGUAGE plpgsql SET search_path = @schema@, pg_temp AS $function$
DECLARE
    c_ended CONSTANT text[] := '{completed,failed,cancelled,expired}';
BEGIN
    IF NOT (CASE OLD.status
        WHEN NEW.status THEN true
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
    IF (NEW.status = ANY (c_ended)) <> (NEW.finished_at IS NOT NULL)
        OR (NEW.status = 'running' AND NEW.started_at IS NULL)
        OR NEW.mode NOT IN ('full', 'degraded', 'deterministic')
    THEN
        RAISE EXCEPTION 'ai_requests %: status %, mode %, started_at %, finished_at % do not fit',
                OLD.id, NEW.status, NEW.mode, NEW.started_at, NEW.finished_at
            USING ERRCODE = 'check_violation',
                  HINT = 'finished_at is set with completed, failed, cancelled and expired only, '
                      'started_at with running; mode is full, degraded, deterministic or NULL';
    END IF;
    RETURN NEW;
END
$function$;

CREATE TRIGGER ai_transition BEFORE UPDATE OF status, mode, started_at, finished_at ON ai_requests
    FOR EACH ROW
    WHEN (CASE NEW.status
        WHEN 'running' THEN OLD.status <> 'pending' OR NEW.started_at IS NULL
            OR NEW.finished_at IS NOT NULL OR NEW.mode IS NOT NULL
        WHEN 'completed' THEN OLD.status <> 'running' OR NEW.finished_at IS NULL
            OR NEW.mode IS NULL OR NEW.mode NOT IN ('full', 'degraded', 'deterministic')
        ELSE true END)
    EXECUTE FUNCTION ai_transition_v1();
