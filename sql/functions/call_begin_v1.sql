-- Purpose: may this model call be made, and is it needed at all? Everything that decides it, in one
--          statement: authority, replay, cache, breaker, rate, budget; then the reservation.
-- Caller:  daemon.llm.journal, sql/call_begin.sql, once before each physical call.
-- Index:   ai_llm_calls_done, ai_llm_calls_cache, ai_llm_calls' unique key, ai_budgets_pkey.
-- Locks:   in this order, which ai_call_end_v1 and ai_call_abandon_v1 share: ai_rate_buckets by
--          key, ai_budgets (see ai_call_lock_v1), ai_llm_calls of this call, ai_provider_state by
--          model. Nothing is locked for a replay or while the breaker is open.
--
-- Verdicts: go; replay, cached (response is the kept answer); wait (rate; wait_seconds);
-- budget (detail names scope and period; wait_seconds until it renews, null if it never does);
-- breaker (detail is the reason; wait_seconds); cancelled; lost (the attempt is somebody else's).
--
-- p_hashes: this call first, then the same question as put to the fallback models: whichever of
-- them was answered before a crash is replayed, not bought again from the first one.
--
-- An answer that was erased (log_prompts=false, and the request had ended, and was reopened) is no
-- answer: the call is made again.
--
-- A call that an earlier owner started and never settled is in doubt: it may have been billed, so
-- its reservation becomes uncertain money. One started by this very attempt is a begin whose reply
-- got lost on the way: no call was made, the reservation is taken back.
CREATE FUNCTION ai_call_begin_v1(
    p_request bigint,
    p_fence bigint,
    p_worker text,
    p_hashes bytea[],
    p_n integer,
    p_token uuid,
    p_call jsonb,
    p_tokens double precision,
    p_usd numeric,
    p_limits jsonb,
    p_cache_seconds double precision DEFAULT 0,
    p_probe_seconds double precision DEFAULT 60,
    p_now timestamptz DEFAULT NULL
) RETURNS TABLE (
    verdict text, model text, returned_model text, response jsonb, usage jsonb,
    wait_seconds double precision, detail text
)
    LANGUAGE plpgsql SET jit = off SET plan_cache_mode = force_generic_plan
    SET enable_seqscan = off SET search_path = @schema@, pg_temp AS $function$
#variable_conflict use_column
DECLARE
    -- A breaker that a person opened until 'infinity': moments that never come cannot be subtracted.
    c_year CONSTANT interval := '1 year';
    v_now timestamptz := coalesce(p_now, clock_timestamp());
    v_model text := p_call ->> 'model';
    v_fair_key text;
    v_cancelled boolean;
    v_wait double precision := 0;
    v_scopes text[];
    v_periods text[];
    v_limits numeric[];
    v_renews timestamptz[];
    v_lock_scopes text[];
    v_lock_periods text[];
    r record;
BEGIN
    SELECT q.fair_key, q.cancel_requested_at IS NOT NULL INTO v_fair_key, v_cancelled
    FROM ai_requests q
    JOIN ai_attempts a ON a.request_id = q.id AND a.fence = q.fence
    WHERE q.id = p_request AND q.fence = p_fence AND q.status = 'running'
        AND a.worker_id = p_worker;
    IF NOT FOUND THEN
        RETURN QUERY SELECT 'lost', v_model, NULL::text, NULL::jsonb, NULL::jsonb, 0.0::float8, NULL::text;
        RETURN;
    END IF;

    SELECT c.model, c.returned_model, c.response, c.usage INTO r
    FROM ai_llm_calls c
    WHERE c.request_id = p_request AND c.call_hash = ANY (p_hashes) AND c.n = p_n
        AND c.status = 'done' AND c.response IS NOT NULL
    ORDER BY array_position(p_hashes, c.call_hash) LIMIT 1;
    IF FOUND THEN
        RETURN QUERY SELECT 'replay', r.model, r.returned_model, r.response, r.usage, 0.0::float8, NULL::text;
        RETURN;
    END IF;

    IF v_cancelled THEN
        RETURN QUERY SELECT 'cancelled', v_model, NULL::text, NULL::jsonb, NULL::jsonb, 0.0::float8, NULL::text;
        RETURN;
    END IF;

    -- A copy never serves as the next one's source: it would keep an answer fresh for ever.
    IF p_cache_seconds > 0 THEN
        SELECT c.id, c.returned_model, c.response, c.prompt, c.prompt_bytes INTO r
        FROM ai_llm_calls c
        WHERE c.call_hash = p_hashes[1] AND c.status = 'done' AND c.cached_from IS NULL
            AND c.response IS NOT NULL
            AND c.finished_at > v_now - make_interval(secs => p_cache_seconds)
        ORDER BY c.finished_at DESC LIMIT 1;
        IF FOUND THEN
            INSERT INTO ai_llm_calls (request_id, call_hash, n, try, token, fence, worker_id,
                task_type, fair_key, name, model, returned_model, status, prompt, prompt_bytes,
                private, response, cost_usd, cost_state, cached_from, started_at, finished_at)
            SELECT p_request, p_hashes[1], p_n, coalesce(max(c.try), 0) + 1, p_token, p_fence,
                p_worker, p_call ->> 'task_type', v_fair_key, p_call ->> 'name', v_model,
                r.returned_model, 'done', r.prompt, r.prompt_bytes,
                (p_call ->> 'private')::boolean, r.response, 0, 'none', r.id, v_now, v_now
            FROM ai_llm_calls c
            WHERE c.request_id = p_request AND c.call_hash = p_hashes[1] AND c.n = p_n
            ON CONFLICT DO NOTHING;
            RETURN QUERY SELECT 'cached', v_model, r.returned_model, r.response, NULL::jsonb,
                0.0::float8, NULL::text;
            RETURN;
        END IF;
    END IF;

    SELECT p.opened_until, p.reason INTO r FROM ai_provider_state p
    WHERE p.model IN (v_model, '*') AND p.state <> 'closed' AND p.opened_until > v_now
    ORDER BY p.opened_until DESC LIMIT 1;
    IF FOUND THEN
        RETURN QUERY SELECT 'breaker', v_model, NULL::text, NULL::jsonb, NULL::jsonb,
            extract(epoch FROM least(r.opened_until, v_now + c_year) - v_now)::float8, r.reason;
        RETURN;
    END IF;

    -- A call goes if there is anything left. The tokens' bucket may go into debt, since no call is
    -- ever too big for a full one; whoever comes next waits until it is out of it.
    -- abs: a clock that was set back must not stop the bucket from filling.
    FOR r IN SELECT least(b.burst, b.tokens + b.rate_per_second
                * abs(extract(epoch FROM v_now - b.updated_at)::float8)) AS level,
            b.rate_per_second AS rate
        FROM ai_rate_buckets b
        WHERE b.key IN ('rpm:' || v_model, 'tpm:' || v_model) ORDER BY b.key FOR UPDATE
    LOOP
        IF r.level < 1 THEN v_wait := greatest(v_wait, (1 - r.level) / r.rate); END IF;
    END LOOP;
    IF v_wait > 0 THEN
        RETURN QUERY SELECT 'wait', v_model, NULL::text, NULL::jsonb, NULL::jsonb, v_wait, NULL::text;
        RETURN;
    END IF;

    SELECT coalesce(array_agg(t.scope), '{}'), coalesce(array_agg(t.period), '{}'),
        array_agg(t.limit_usd), array_agg(t.renews_at)
    INTO v_scopes, v_periods, v_limits, v_renews
    FROM ai_call_budgets_v1(p_limits, v_now) t;
    -- The budgets of calls in doubt are locked in the same go: they may be yesterday's.
    SELECT v_scopes || coalesce(array_agg(u.scope), '{}'),
        v_periods || coalesce(array_agg(u.period), '{}')
    INTO v_lock_scopes, v_lock_periods
    FROM ai_llm_calls c, unnest(c.scopes, c.periods) AS u (scope, period)
    WHERE c.request_id = p_request AND c.call_hash = p_hashes[1] AND c.n = p_n
        AND c.status = 'started';
    PERFORM ai_call_lock_v1(v_lock_scopes, v_lock_periods);

    FOR r IN SELECT c.id, c.reserved_usd, c.scopes, c.periods,
            c.fence = p_fence AND c.worker_id = p_worker AS ours
        FROM ai_llm_calls c
        WHERE c.request_id = p_request AND c.call_hash = p_hashes[1] AND c.n = p_n
            AND c.status = 'started'
        ORDER BY c.try FOR UPDATE
    LOOP
        UPDATE ai_llm_calls c
        SET status = CASE WHEN r.ours THEN 'failed' ELSE 'uncertain' END,
            cost_state = CASE WHEN r.ours THEN 'none' ELSE 'uncertain' END,
            charged_usd = CASE WHEN r.ours THEN 0 ELSE r.reserved_usd END,
            error = jsonb_build_object('code',
                CASE WHEN r.ours THEN 'begin_unconfirmed' ELSE 'owner_lost' END),
            finished_at = v_now
        WHERE c.id = r.id;
        PERFORM ai_call_charge_v1(r.scopes, r.periods, -r.reserved_usd,
            CASE WHEN r.ours THEN 0 ELSE r.reserved_usd END, 0);
    END LOOP;

    SELECT t.scope || ' ' || t.period AS detail, t.renews_at INTO r
    FROM unnest(v_scopes, v_periods, v_limits, v_renews) AS t (scope, period, limit_usd, renews_at)
    JOIN ai_budgets b ON b.scope = t.scope AND b.period = t.period
    WHERE b.spent_usd + b.reserved_usd + b.uncertain_usd + p_usd > t.limit_usd
    ORDER BY t.renews_at DESC NULLS FIRST LIMIT 1;
    IF FOUND THEN
        RETURN QUERY SELECT 'budget', v_model, NULL::text, NULL::jsonb, NULL::jsonb,
            extract(epoch FROM r.renews_at - v_now)::float8, r.detail;
        RETURN;
    END IF;

    -- An open breaker whose time is over lets a single caller try; the others see it open again.
    FOR r IN SELECT p.model, p.state, p.opened_until, p.reason FROM ai_provider_state p
        WHERE p.model IN (v_model, '*') AND p.state <> 'closed'
        ORDER BY p.model COLLATE "C" FOR UPDATE
    LOOP
        IF r.state = 'closed' THEN CONTINUE; END IF;
        IF r.opened_until > v_now THEN
            RETURN QUERY SELECT 'breaker', v_model, NULL::text, NULL::jsonb, NULL::jsonb,
                extract(epoch FROM least(r.opened_until, v_now + c_year) - v_now)::float8, r.reason;
            RETURN;
        END IF;
        UPDATE ai_provider_state p
        SET state = 'half_open', prober = p_token::text, updated_at = v_now,
            opened_until = v_now + make_interval(secs => p_probe_seconds)
        WHERE p.model = r.model;
    END LOOP;

    UPDATE ai_rate_buckets b
    SET tokens = least(b.burst, b.tokens + b.rate_per_second
                * abs(extract(epoch FROM v_now - b.updated_at)::float8))
            - CASE WHEN b.key LIKE 'rpm:%' THEN 1 ELSE p_tokens END,
        updated_at = v_now
    WHERE b.key IN ('rpm:' || v_model, 'tpm:' || v_model);
    UPDATE ai_budgets b
    SET reserved_usd = b.reserved_usd + p_usd, limit_usd = t.limit_usd, updated_at = v_now
    FROM unnest(v_scopes, v_periods, v_limits) AS t (scope, period, limit_usd)
    WHERE b.scope = t.scope AND b.period = t.period;
    INSERT INTO ai_llm_calls (request_id, call_hash, n, try, token, fence, worker_id, task_type,
        fair_key, name, model, status, prompt, prompt_bytes, private, reserved_usd, scopes,
        periods, started_at)
    SELECT p_request, p_hashes[1], p_n, coalesce(max(c.try), 0) + 1, p_token, p_fence, p_worker,
        p_call ->> 'task_type', v_fair_key, p_call ->> 'name', v_model, 'started',
        p_call -> 'prompt', (p_call ->> 'prompt_bytes')::integer,
        (p_call ->> 'private')::boolean, p_usd, v_scopes, v_periods, v_now
    FROM ai_llm_calls c
    WHERE c.request_id = p_request AND c.call_hash = p_hashes[1] AND c.n = p_n;
    RETURN QUERY SELECT 'go', v_model, NULL::text, NULL::jsonb, NULL::jsonb, 0.0::float8, NULL::text;
END
$function$;
