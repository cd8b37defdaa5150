-- Purpose: which rows of ai_budgets a model call is counted in, and each one's limit at this moment.
-- Caller:  ai_call_begin_v1, ai_call_end_v1.
-- Index:   ai_budgets_pkey.
-- Locks:   none.
--
-- p_limits: [{"scope": "agent:x", "kind": "day" | "month" | "request", "limit_usd": "5.00" | null}].
-- The tightest of three limits holds: the caller's (environment, request, agent), the standing row
-- that an admin wrote (period 'day' or 'month'; 'key:*' stands for every key without a row of its
-- own), and ai_control.daily_budget_usd. The agents and the whole are counted without a limit too,
-- so that one set at noon knows the morning; a key or a request only where it has one. A standing
-- row's interim_usd, until interim_until, holds in place of what admins set otherwise, theirs in
-- ai_control too: who raises a limit for the rest of a day need not find out which one was the tightest.
--
-- What stands in a request's own row is what its last call was allowed, no limit that anybody set: one
-- that was raised since would never count.
--
-- The period is part of a budget's name: nothing has to reset it at midnight. Days are UTC days.
--
-- In plpgsql, as all that a call goes through: its plans are kept, those of SQL functions are made
-- anew each time.
CREATE FUNCTION ai_call_budgets_v1(p_limits jsonb, p_now timestamptz)
    RETURNS TABLE (scope text, period text, limit_usd numeric, renews_at timestamptz)
    LANGUAGE plpgsql STABLE SET search_path = @schema@, pg_temp AS $function$
#variable_conflict use_column
BEGIN
    RETURN QUERY SELECT t.scope, t.period, t.limit_usd, t.renews_at
    FROM (
        SELECT l.scope,
            CASE l.kind
                WHEN 'day' THEN to_char(p_now AT TIME ZONE 'UTC', 'YYYY-MM-DD')
                WHEN 'month' THEN to_char(p_now AT TIME ZONE 'UTC', 'YYYY-MM')
                ELSE 'request'
            END AS period,
            least(l.limit_usd, coalesce(
                CASE WHEN p_now < own.interim_until THEN own.interim_usd END,
                least(
                    coalesce(own.limit_usd,
                        CASE WHEN p_now < every.interim_until THEN every.interim_usd END,
                        every.limit_usd),
                    CASE l.kind WHEN 'day' THEN c.daily_budget_usd END))) AS limit_usd,
            CASE WHEN l.kind IN ('day', 'month') THEN
                (date_trunc(l.kind, p_now AT TIME ZONE 'UTC') + ('1 ' || l.kind)::interval)
                    AT TIME ZONE 'UTC'
            END AS renews_at
        FROM jsonb_to_recordset(p_limits) AS l (scope text, kind text, limit_usd numeric)
        LEFT JOIN ai_budgets own
            ON own.scope = l.scope AND own.period = l.kind AND l.kind IN ('day', 'month')
        LEFT JOIN ai_budgets every
            ON l.scope LIKE 'key:%' AND every.scope = 'key:*' AND every.period = l.kind
        LEFT JOIN ai_control c ON 'agent:' || c.task_type = l.scope
    ) t
    WHERE t.limit_usd IS NOT NULL OR t.scope = 'global' OR t.scope LIKE 'agent:%';
END
$function$;

-- Purpose: makes the rows exist and locks them, in the one order that everybody uses: narrow scopes
--          first (request, key, agent, global), then by name. Unordered updates of several budgets
--          deadlock as soon as two calls share two of them.
-- Caller:  ai_call_begin_v1, ai_call_end_v1, ai_call_abandon_v1.
-- Index:   ai_budgets_pkey.
-- Locks:   ai_budgets FOR UPDATE.
--
-- p_scopes and p_periods are pairs. Rows are inserted in the same order, before any is locked: once
-- the insert is through, every pair is there and committed, or is this transaction's own.
CREATE FUNCTION ai_call_lock_v1(p_scopes text[], p_periods text[]) RETURNS void
    LANGUAGE plpgsql SET search_path = @schema@, pg_temp AS $function$
BEGIN
    INSERT INTO ai_budgets (scope, period)
    SELECT w.scope, w.period
    FROM (SELECT DISTINCT u.scope, u.period
        FROM unnest(p_scopes, p_periods) AS u (scope, period)) w
    WHERE NOT EXISTS
        (SELECT FROM ai_budgets b WHERE b.scope = w.scope AND b.period = w.period)
    ORDER BY array_position(ARRAY['request', 'key', 'agent', 'global'],
        split_part(w.scope, ':', 1)), w.scope COLLATE "C", w.period COLLATE "C"
    ON CONFLICT DO NOTHING;

    PERFORM FROM ai_budgets b
    WHERE (b.scope, b.period) IN
        (SELECT u.scope, u.period FROM unnest(p_scopes, p_periods) AS u (scope, period))
    ORDER BY array_position(ARRAY['request', 'key', 'agent', 'global'],
        split_part(b.scope, ':', 1)), b.scope COLLATE "C", b.period COLLATE "C"
    FOR UPDATE;
END
$function$;

-- Purpose: moves money between the three sums of a call's budgets.
-- Caller:  ai_call_begin_v1, ai_call_end_v1, ai_call_abandon_v1, which hold the locks already.
-- Index:   ai_budgets_pkey.
-- Locks:   ai_budgets, rows already locked.
CREATE FUNCTION ai_call_charge_v1(
    p_scopes text[], p_periods text[], p_reserved numeric, p_uncertain numeric, p_spent numeric
) RETURNS void
    LANGUAGE plpgsql SET search_path = @schema@, pg_temp AS $function$
BEGIN
    UPDATE ai_budgets b
    SET reserved_usd = b.reserved_usd + p_reserved,
        uncertain_usd = b.uncertain_usd + p_uncertain,
        spent_usd = b.spent_usd + p_spent,
        updated_at = clock_timestamp()
    FROM unnest(p_scopes, p_periods) AS u (scope, period)
    WHERE b.scope = u.scope AND b.period = u.period;
END
$function$;
