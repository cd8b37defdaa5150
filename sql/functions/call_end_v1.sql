-- Purpose: settles a model call: the ledger line, its budgets, the rate buckets, the breaker.
-- Caller:  daemon.llm.journal, sql/call_end.sql, once after each physical call; safe to repeat.
-- Index:   ai_llm_calls' unique key, ai_budgets_pkey.
-- Locks:   in the order of ai_call_begin_v1: ai_rate_buckets by key, ai_budgets, ai_llm_calls of
--          this call by try, ai_provider_state.
--
-- Returns done, failed, uncertain, duplicate (another answer to the same call was there first; the
-- cost counts), or repeated (this call was settled before: after a lost reply the caller asks again).
--
-- Not fenced by the request: an attempt that lost its lease has paid all the same, and its answer
-- serves the next owner. It inserts the line where a crash of PostgreSQL swallowed the begin's
-- asynchronous commit; the call is recognised by its token, since a number may have been taken. Of
-- several lines with one token the last counts: a begin whose reply was lost was sent again, and took
-- the one before it back.
--
-- p_answer: {status, response, usage, error, returned_model, tier, input_tokens, cached_tokens,
-- output_tokens, reasoning_tokens, cost_usd, cost_state, charged_usd, price_id}. cost_state decides
-- where charged_usd is counted: exact, unpriced -> spent; uncertain -> uncertain; none -> nowhere.
-- p_feedback: {tokens_over: actual minus estimated tokens,
--   buckets: [{key, rate_per_second, burst, remaining}] as the provider's headers told,
--   breaker: {model, event: ok | failure | open | none, seconds, threshold, reason}}.
CREATE FUNCTION ai_call_end_v1(
    p_request bigint,
    p_fence bigint,
    p_worker text,
    p_hash bytea,
    p_n integer,
    p_token uuid,
    p_call jsonb,
    p_limits jsonb,
    p_answer jsonb,
    p_feedback jsonb,
    p_now timestamptz DEFAULT NULL
) RETURNS text
    LANGUAGE plpgsql SET jit = off SET plan_cache_mode = force_generic_plan
    SET enable_seqscan = off SET search_path = @schema@, pg_temp AS $function$
#variable_conflict use_column
DECLARE
    v_now timestamptz := coalesce(p_now, clock_timestamp());
    v_model text := p_call ->> 'model';
    v_status text := p_answer ->> 'status';
    v_state text := p_answer ->> 'cost_state';
    v_charged numeric := coalesce((p_answer ->> 'charged_usd')::numeric, 0);
    v_scopes text[];
    v_periods text[];
    v_id bigint;
    v_known boolean;
    r record;
BEGIN
    FOR r IN SELECT b.key, b.rate_per_second, b.burst, b.remaining,
            CASE WHEN b.key LIKE 'tpm:%' THEN (p_feedback ->> 'tokens_over')::float8 ELSE 0 END
                AS over
        FROM jsonb_to_recordset(p_feedback -> 'buckets') AS b
            (key text, rate_per_second float8, burst float8, remaining float8)
        ORDER BY b.key COLLATE "C"
    LOOP
        -- What the provider says is left knows nothing of the calls under way: the lower one holds.
        INSERT INTO ai_rate_buckets AS b (key, rate_per_second, burst, tokens, updated_at)
        VALUES (r.key, r.rate_per_second, r.burst, r.remaining, v_now)
        ON CONFLICT (key) DO UPDATE
        SET rate_per_second = excluded.rate_per_second, burst = excluded.burst, updated_at = v_now,
            tokens = least(excluded.tokens, b.tokens - r.over + b.rate_per_second
                * greatest(0, extract(epoch FROM v_now - b.updated_at)::float8));
    END LOOP;
    IF jsonb_array_length(p_feedback -> 'buckets') = 0 THEN
        UPDATE ai_rate_buckets b SET tokens = b.tokens - (p_feedback ->> 'tokens_over')::float8
        WHERE b.key = 'tpm:' || v_model;
    END IF;

    SELECT c.scopes, c.periods INTO v_scopes, v_periods FROM ai_llm_calls c
    WHERE c.request_id = p_request AND c.call_hash = p_hash AND c.n = p_n AND c.token = p_token
    ORDER BY c.try DESC LIMIT 1;
    IF NOT FOUND THEN
        SELECT coalesce(array_agg(t.scope), '{}'), coalesce(array_agg(t.period), '{}')
        INTO v_scopes, v_periods
        FROM ai_call_budgets_v1(p_limits, v_now) t;
    END IF;
    PERFORM ai_call_lock_v1(v_scopes, v_periods);

    PERFORM FROM ai_llm_calls c
    WHERE c.request_id = p_request AND c.call_hash = p_hash AND c.n = p_n
    ORDER BY c.try FOR UPDATE;
    SELECT c.id, c.status, c.reserved_usd, c.charged_usd INTO r FROM ai_llm_calls c
    WHERE c.request_id = p_request AND c.call_hash = p_hash AND c.n = p_n AND c.token = p_token
    ORDER BY c.try DESC LIMIT 1;
    v_id := r.id;
    IF r.status IN ('done', 'failed', 'duplicate') THEN RETURN 'repeated'; END IF;
    IF v_status = 'done' AND EXISTS (SELECT FROM ai_llm_calls c WHERE c.request_id = p_request
            AND c.call_hash = p_hash AND c.n = p_n AND c.status = 'done'
            AND c.response IS NOT NULL) THEN
        v_status := 'duplicate';
    END IF;
    -- Of an answer that was erased only the cost is left: the new one takes its place.
    IF v_status = 'done' THEN
        UPDATE ai_llm_calls c SET status = 'duplicate'
        WHERE c.request_id = p_request AND c.call_hash = p_hash AND c.n = p_n
            AND c.status = 'done';
    END IF;

    IF v_id IS NULL THEN
        INSERT INTO ai_llm_calls (request_id, call_hash, n, try, token, fence, worker_id,
            task_type, fair_key, name, model, status, prompt_bytes, private, scopes, periods,
            started_at)
        SELECT p_request, p_hash, p_n, coalesce(max(c.try), 0) + 1, p_token, p_fence, p_worker,
            p_call ->> 'task_type',
            coalesce((SELECT q.fair_key FROM ai_requests q WHERE q.id = p_request), ''),
            p_call ->> 'name', v_model, 'started', (p_call ->> 'prompt_bytes')::integer,
            (p_call ->> 'private')::boolean, v_scopes, v_periods, v_now
        FROM ai_llm_calls c
        WHERE c.request_id = p_request AND c.call_hash = p_hash AND c.n = p_n
        RETURNING id, status, reserved_usd, charged_usd INTO r;
        v_id := r.id;
    END IF;

    -- Of a request that is gone, since its client was forgotten, only the cost is noted.
    v_known := EXISTS (SELECT FROM ai_requests q WHERE q.id = p_request);
    UPDATE ai_llm_calls c
    SET status = v_status,
        prompt = CASE WHEN v_known THEN c.prompt END,
        response = CASE WHEN v_known THEN p_answer -> 'response' END,
        usage = p_answer -> 'usage',
        error = CASE WHEN v_known THEN p_answer -> 'error' END,
        returned_model = p_answer ->> 'returned_model',
        tier = p_answer ->> 'tier',
        input_tokens = (p_answer ->> 'input_tokens')::integer,
        cached_tokens = (p_answer ->> 'cached_tokens')::integer,
        output_tokens = (p_answer ->> 'output_tokens')::integer,
        reasoning_tokens = (p_answer ->> 'reasoning_tokens')::integer,
        cost_usd = (p_answer ->> 'cost_usd')::numeric,
        cost_state = v_state,
        charged_usd = v_charged,
        price_id = (p_answer ->> 'price_id')::bigint,
        finished_at = v_now
    WHERE c.id = v_id;
    PERFORM ai_call_charge_v1(v_scopes, v_periods,
        p_reserved => CASE WHEN r.status = 'started' THEN -r.reserved_usd ELSE 0 END,
        p_uncertain => CASE WHEN v_state = 'uncertain' THEN v_charged ELSE 0 END
            - CASE WHEN r.status = 'uncertain' THEN r.charged_usd ELSE 0 END,
        p_spent => CASE WHEN v_state IN ('exact', 'unpriced') THEN v_charged ELSE 0 END);

    PERFORM ai_call_breaker_v1(v_model, p_token, p_feedback -> 'breaker', v_now);
    RETURN v_status;
END
$function$;

-- Purpose: what a call's end tells the breaker of its model and of the provider as a whole ('*').
-- Caller:  ai_call_end_v1.
-- Index:   ai_provider_state_pkey.
-- Locks:   ai_provider_state; none at all while everything works.
--
-- `failure` counts; at the threshold, or when a probe fails, the breaker opens for `seconds`,
-- doubled each time it opens without a success in between, at most 32-fold. `open` opens at once
-- for exactly `seconds`. `none` says nothing, but ends a probe so that another may be made.
CREATE FUNCTION ai_call_breaker_v1(p_model text, p_token uuid, p_breaker jsonb, p_now timestamptz)
    RETURNS void
    LANGUAGE plpgsql SET search_path = @schema@, pg_temp AS $function$
DECLARE
    v_event text := p_breaker ->> 'event';
    v_target text := coalesce(p_breaker ->> 'model', p_model);
    v_seconds double precision := (p_breaker ->> 'seconds')::float8;
BEGIN
    -- A probe may hold its model and '*': both are changed below, and always locked in this order.
    IF v_event <> 'ok' AND EXISTS (SELECT FROM ai_provider_state p
            WHERE p.model IN (p_model, '*') AND p.prober = p_token::text) THEN
        PERFORM FROM ai_provider_state p WHERE p.model IN (p_model, v_target, '*')
        ORDER BY p.model COLLATE "C" FOR UPDATE;
    END IF;
    IF v_event = 'ok' THEN
        IF EXISTS (SELECT FROM ai_provider_state p WHERE p.model IN (p_model, '*')
                AND (p.state <> 'closed' OR p.failures > 0)) THEN
            PERFORM FROM ai_provider_state p WHERE p.model IN (p_model, '*')
            ORDER BY p.model COLLATE "C" FOR UPDATE;
            UPDATE ai_provider_state p
            SET state = 'closed', opened_until = NULL, reason = NULL, failures = 0,
                opened_count = 0, prober = NULL, updated_at = p_now
            WHERE p.model IN (p_model, '*');
        END IF;
    ELSIF v_event = 'open' THEN
        INSERT INTO ai_provider_state AS p (model, state, opened_until, reason, opened_count)
        VALUES (v_target, 'open', p_now + make_interval(secs => v_seconds),
            p_breaker ->> 'reason', 1)
        ON CONFLICT (model) DO UPDATE
        SET state = 'open', opened_until = excluded.opened_until, reason = excluded.reason,
            opened_count = p.opened_count + 1, prober = NULL, updated_at = p_now;
    ELSIF v_event = 'failure' THEN
        INSERT INTO ai_provider_state AS p (model, failures) VALUES (v_target, 1)
        ON CONFLICT (model) DO UPDATE SET failures = p.failures + 1, updated_at = p_now;
        UPDATE ai_provider_state p
        SET state = 'open', reason = p_breaker ->> 'reason', opened_count = p.opened_count + 1,
            prober = NULL, opened_until = p_now
                + make_interval(secs => v_seconds * 2 ^ least(p.opened_count, 5))
        WHERE p.model = v_target
            AND (p.state = 'half_open' AND p.prober = p_token::text
                OR p.state = 'closed' AND p.failures >= (p_breaker ->> 'threshold')::integer);
    END IF;
    -- Whatever this probe did not decide ('*' after a failure of the model, say) may be probed again.
    IF v_event <> 'ok' THEN
        UPDATE ai_provider_state p SET prober = NULL, opened_until = p_now, updated_at = p_now
        WHERE p.model IN (p_model, '*') AND p.state = 'half_open' AND p.prober = p_token::text;
    END IF;
END
$function$;
