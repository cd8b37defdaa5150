-- Purpose: settles one call that nobody will settle any more: its owner died and no other attempt
--          came to the same call. Its reservation becomes uncertain money.
-- Caller:  daemon.llm.journal, sql/call_abandon.sql: upkeep, again and again until it returns null.
-- Index:   ai_llm_calls_open.
-- Locks:   in the order of ai_call_begin_v1; one call per transaction, because the budgets of two
--          calls have no common order.
--
-- p_older: how long a call must have been under way; above every call's deadline. A late answer is
-- still taken by ai_call_end_v1, which turns uncertain money into spent money.
CREATE FUNCTION ai_call_abandon_v1(p_older interval, p_now timestamptz DEFAULT NULL)
    RETURNS bigint
    LANGUAGE plpgsql SET jit = off SET plan_cache_mode = force_generic_plan
    SET enable_seqscan = off SET search_path = @schema@, pg_temp AS $function$
DECLARE
    v_now timestamptz := coalesce(p_now, clock_timestamp());
    r record;
BEGIN
    SELECT c.id, c.scopes, c.periods, c.reserved_usd INTO r FROM ai_llm_calls c
    WHERE c.status = 'started' AND c.started_at < v_now - p_older
    ORDER BY c.started_at LIMIT 1;
    IF NOT FOUND THEN RETURN NULL; END IF;
    PERFORM ai_call_lock_v1(r.scopes, r.periods);
    UPDATE ai_llm_calls c
    SET status = 'uncertain', cost_state = 'uncertain', charged_usd = c.reserved_usd,
        error = jsonb_build_object('code', 'owner_lost'), finished_at = v_now
    WHERE c.id = r.id AND c.status = 'started';
    IF FOUND THEN
        PERFORM ai_call_charge_v1(r.scopes, r.periods, -r.reserved_usd, r.reserved_usd, 0);
    END IF;
    RETURN r.id;
END
$function$;
