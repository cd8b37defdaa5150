-- Purpose: fills the columns of a new request that only the server may decide, whatever the client sent.
-- Caller:  trigger ai_guard, BEFORE INSERT ON ai_requests, inside the main app's transaction.
-- Index:   none.
-- Locks:   none.
--
-- Raises nothing: an insert of the main app must never fail because of us. SECURITY DEFINER so that
-- a role with only INSERT may draw an id; the id is drawn again even when the client sent one, so a
-- client's id neither collides nor spends a later one.
CREATE FUNCTION ai_guard_v1() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = @schema@, pg_temp AS $function$
BEGIN
    NEW.id := nextval('ai_requests_id_seq');
    NEW.task_type := coalesce(NEW.task_type, '');
    NEW.input_data := coalesce(NEW.input_data, '{}');
    NEW.priority := coalesce(NEW.priority, 0);
    NEW.run_after := coalesce(NEW.run_after, now());
    NEW.fair_key := coalesce(NEW.fair_key, '');
    NEW.status := 'pending';
    NEW.attempt := 0;
    NEW.max_attempts := 3;
    NEW.lost_count := 0;
    NEW.fence := 0;
    NEW.checked := false;
    NEW.mode := NULL;
    NEW.degraded_reason := NULL;
    NEW.cost_usd := NULL;
    NEW.agent_version := NULL;
    NEW.error := NULL;
    NEW.created_at := now();
    NEW.started_at := NULL;
    NEW.finished_at := NULL;
    RETURN NEW;
END
$function$;

CREATE TRIGGER ai_guard BEFORE INSERT ON ai_requests
    FOR EACH ROW EXECUTE FUNCTION ai_guard_v1();
