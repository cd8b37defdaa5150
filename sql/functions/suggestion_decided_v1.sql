-- Purpose: refuses every change of a suggestion's status that its life cycle does not know, whoever
--          writes it, and keeps resolved_at in step.
-- Caller:  trigger ai_suggestion_decided, BEFORE UPDATE ON ai_code_suggestions when the status changes.
-- Index:   none.
-- Locks:   none beyond the row being written.
--
-- A status is a person's word: pending, then accepted, then applied; no to what is pending or accepted
-- is rejected, which may be reopened. An older service's rows (without a request) may take any step:
-- its own pages do not know the life cycle, and an error would be theirs.
CREATE FUNCTION ai_suggestion_step_v1(p_before text, p_after text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = @schema@, pg_temp AS $function$
    SELECT CASE p_before
        WHEN 'pending' THEN p_after IN ('accepted', 'rejected')
        WHEN 'accepted' THEN p_after IN ('applied', 'rejected')
        WHEN 'rejected' THEN p_after = 'pending'
        ELSE false
    END
$function$;

CREATE FUNCTION ai_suggestion_decided_v1() RETURNS trigger
    LANGUAGE plpgsql SET search_path = @schema@, pg_temp AS $function$
BEGIN
    IF NEW.request_id IS NOT NULL AND NOT ai_suggestion_step_v1(OLD.status, NEW.status) THEN
        RAISE EXCEPTION 'ai_code_suggestions %: status % cannot become %',
            OLD.id, OLD.status, NEW.status
            USING ERRCODE = 'check_violation',
                  HINT = 'pending -> accepted -> applied; pending or accepted -> rejected -> pending';
    END IF;
    NEW.resolved_at := CASE
        WHEN NEW.status IN ('rejected', 'applied') THEN
            CASE WHEN NEW.resolved_at IS DISTINCT FROM OLD.resolved_at
                THEN coalesce(NEW.resolved_at, now()) ELSE now() END
        WHEN NEW.gone_at IS NOT NULL THEN NEW.gone_at
        END;
    RETURN NEW;
END
$function$;

CREATE TRIGGER ai_suggestion_decided BEFORE UPDATE OF status ON ai_code_suggestions
    FOR EACH ROW
    WHEN (OLD.status IS DISTINCT FROM NEW.status)
    EXECUTE FUNCTION ai_suggestion_decided_v1();
