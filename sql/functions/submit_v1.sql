-- Purpose: inserts a request and returns its id; with an idempotency key seen before, the first id.
-- Caller:  the main app, the HTTP API, python -m daemon submit.
-- Index:   ai_requests_idempotency.
-- Locks:   as an INSERT.
--
-- Not versioned: it is part of the interface the main app relies on. Runs with the caller's rights.
-- It looks for the key as ai_guard_v1 stores it.
CREATE FUNCTION ai_submit(
    task_type text,
    input_data jsonb DEFAULT '{}',
    priority integer DEFAULT 0,
    run_after timestamptz DEFAULT NULL,
    expires_at timestamptz DEFAULT NULL,
    idempotency_key text DEFAULT NULL,
    fair_key text DEFAULT '',
    requested_by text DEFAULT NULL,
    max_usd numeric DEFAULT NULL,
    on_unavailable text DEFAULT NULL
) RETURNS bigint
    LANGUAGE plpgsql SET search_path = @schema@, pg_temp AS $function$
#variable_conflict use_column
DECLARE
    v_id bigint;
BEGIN
    -- Two callers with one key: the loser of the race sees the winner's row on its second look, at
    -- the latest once the winner has committed, which ON CONFLICT waits for.
    FOR look IN 1..5 LOOP
        IF ai_submit.idempotency_key IS NOT NULL THEN
            SELECT r.id INTO v_id FROM ai_requests r
            WHERE r.task_type = left(coalesce(ai_submit.task_type, ''), 200)
                AND r.idempotency_key = ai_key_v1(ai_submit.idempotency_key);
            IF FOUND THEN RETURN v_id; END IF;
        END IF;
        INSERT INTO ai_requests AS r (task_type, input_data, priority, run_after, expires_at,
            idempotency_key, fair_key, requested_by, max_usd, on_unavailable)
        VALUES (ai_submit.task_type, ai_submit.input_data,
            greatest(-32768, least(32767, coalesce(ai_submit.priority, 0))), ai_submit.run_after,
            ai_submit.expires_at, ai_submit.idempotency_key, ai_submit.fair_key,
            ai_submit.requested_by, ai_submit.max_usd, ai_submit.on_unavailable)
        ON CONFLICT (task_type, idempotency_key) DO NOTHING
        RETURNING r.id INTO v_id;
        IF FOUND THEN RETURN v_id; END IF;
    END LOOP;
    RAISE EXCEPTION 'ai_submit: a request with idempotency_key % exists but is not visible to this transaction',
        ai_submit.idempotency_key
        USING HINT = 'call it in a READ COMMITTED transaction';
END
$function$;
