-- Purpose: fills the columns of a new request that only the server may decide, whatever the client sent.
-- Caller:  trigger ai_guard, BEFORE INSERT ON ai_requests, inside the main app's transaction.
-- Index:   none.
-- Locks:   none.
--
-- Raises nothing: an insert of the main app must never fail because of us. SECURITY DEFINER so that
-- a role with only INSERT may draw an id; the id is drawn again even when the client sent one, so a
-- client's id neither collides nor spends a later one.
--
-- Text in an index must stay far below a third of a page, or the insert fails: longer task types are
-- cut (nobody answers them), longer keys end in their hash and so stay distinct. What every claim
-- carries is cut too. Moments are kept
-- within the years that every client can read, and the limit within what a budget can hold; NaN, which
-- least() takes for more than that, allows nothing.
--
-- Nearly every insert leaves all of that to the column defaults. One condition finds this out, since
-- in a transaction of one insert each further expression of plpgsql costs as much as an index entry.
CREATE FUNCTION ai_key_v1(p_key text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = @schema@, pg_temp AS $function$
    SELECT CASE WHEN length(p_key) <= 200 THEN p_key
        ELSE left(p_key, 120) || ':' || encode(sha256(convert_to(p_key, 'UTF8')), 'hex') END
$function$;

CREATE FUNCTION ai_guard_v1() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = @schema@, pg_temp AS $function$
DECLARE
    c_first CONSTANT timestamptz := '1970-01-02 00:00+00';
    c_last CONSTANT timestamptz := '9999-12-30 00:00+00';
BEGIN
    NEW.id := nextval('ai_requests_id_seq');
    IF NEW.status = 'pending' AND NEW.attempt = 0 AND NEW.max_attempts = 3
        AND NEW.lost_count = 0 AND NEW.fence = 0 AND NOT NEW.checked
        AND NEW.run_after = now() AND NEW.created_at = now()
        AND length(NEW.task_type) <= 200 AND length(NEW.fair_key) <= 200
        AND coalesce(length(NEW.idempotency_key), 0) <= 200
        AND coalesce(length(NEW.requested_by), 0) <= 200
        AND coalesce(length(NEW.on_unavailable), 0) <= 200
        AND num_nulls(NEW.input_data, NEW.priority) = 0
        AND num_nonnulls(NEW.expires_at, NEW.cancel_requested_at, NEW.max_usd, NEW.mode,
            NEW.degraded_reason, NEW.cost_usd, NEW.agent_version, NEW.error, NEW.started_at,
            NEW.finished_at) = 0
    THEN
        RETURN NEW;
    END IF;
    NEW.task_type := left(coalesce(NEW.task_type, ''), 200);
    NEW.input_data := coalesce(NEW.input_data, '{}');
    NEW.priority := coalesce(NEW.priority, 0);
    NEW.run_after := greatest(c_first, least(c_last, coalesce(NEW.run_after, now())));
    -- greatest() and least() pass over NULLs, which mean "never" here.
    IF NEW.expires_at IS NOT NULL THEN
        NEW.expires_at := greatest(c_first, least(c_last, NEW.expires_at));
    END IF;
    IF NEW.cancel_requested_at IS NOT NULL THEN
        NEW.cancel_requested_at := greatest(c_first, least(c_last, NEW.cancel_requested_at));
    END IF;
    IF length(NEW.idempotency_key) > 200 THEN
        NEW.idempotency_key := ai_key_v1(NEW.idempotency_key);
    END IF;
    NEW.requested_by := left(NEW.requested_by, 200);
    NEW.on_unavailable := left(NEW.on_unavailable, 200);
    NEW.fair_key := coalesce(NEW.fair_key, '');
    IF length(NEW.fair_key) > 200 THEN
        NEW.fair_key := ai_key_v1(NEW.fair_key);
    END IF;
    IF NEW.max_usd IS NOT NULL THEN
        NEW.max_usd := round(
            CASE WHEN NEW.max_usd = 'NaN' THEN -1 ELSE greatest(-1, least(999999, NEW.max_usd)) END, 8);
    END IF;
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
