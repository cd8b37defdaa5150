-- Purpose: begins many model calls in one statement and one commit.
-- Caller:  daemon.llm.journal, sql/call_begin.sql, with the calls that came while it was busy.
-- Index:   see call_begin_v1.sql.
-- Locks:   those of ai_call_begin_v1. Several calls share their locks in ai_calls_lock_v1 first, in
--          the order that all callers keep; call by call, two daemons could each hold what the
--          other one wants.
--
-- p_calls: an array of {request_id, fence, worker_id, hashes, n, token, call, tokens, usd, limits,
-- cache_seconds}, hashes as hexadecimal; see ai_call_begin_v1. place: the index in it, from 0.
--
-- An attempt's first call waits for the disk: its claim, which did not, is there then too, and no
-- crash can have the request run a second time while this call is made. A line that is begun proves
-- nothing: its commit may have been broken off while it waited. The commit of any later call is
-- asynchronous: if a crash of PostgreSQL swallows it, ai_call_end_v1 writes the line. set_config
-- stands in the body because a function's SET clause is undone before the commit.
CREATE FUNCTION ai_calls_begin_v1(p_calls jsonb, p_probe_seconds double precision)
    RETURNS TABLE (
        place integer, verdict text, model text, returned_model text, response jsonb, usage jsonb,
        wait_seconds double precision, detail text
    )
    LANGUAGE plpgsql SET jit = off SET plan_cache_mode = force_generic_plan
    SET enable_seqscan = off SET search_path = @schema@, pg_temp AS $function$
#variable_conflict use_column
DECLARE
    c record;
BEGIN
    -- LIMIT: each request's lines by their key; EXISTS would have all lines read and hashed.
    IF NOT EXISTS (
        SELECT FROM jsonb_array_elements(p_calls) e
        WHERE (SELECT l.id FROM ai_llm_calls l
            WHERE l.request_id = (e ->> 'request_id')::bigint
                AND l.fence = (e ->> 'fence')::bigint AND l.status <> 'started'
                AND l.error ->> 'code' IS DISTINCT FROM 'begin_unconfirmed'
            LIMIT 1) IS NULL)
    THEN
        PERFORM set_config('synchronous_commit', 'off', true);
    END IF;
    PERFORM ai_calls_lock_v1(p_calls);
    FOR c IN SELECT (e.place - 1)::integer AS place, e.value AS call
        FROM jsonb_array_elements(p_calls) WITH ORDINALITY AS e (value, place)
        ORDER BY e.value #>> '{call,model}' COLLATE "C", (e.value ->> 'request_id')::bigint, e.place
    LOOP
        RETURN QUERY SELECT c.place, b.verdict, b.model, b.returned_model, b.response, b.usage,
            b.wait_seconds, b.detail
        FROM ai_call_begin_v1(
            p_request => (c.call ->> 'request_id')::bigint,
            p_fence => (c.call ->> 'fence')::bigint,
            p_worker => c.call ->> 'worker_id',
            p_hashes => ARRAY(SELECT decode(h.value, 'hex')
                FROM jsonb_array_elements_text(c.call -> 'hashes') WITH ORDINALITY
                    AS h (value, place) ORDER BY h.place),
            p_n => (c.call ->> 'n')::integer,
            p_token => (c.call ->> 'token')::uuid,
            p_call => c.call -> 'call',
            p_tokens => (c.call ->> 'tokens')::float8,
            p_usd => (c.call ->> 'usd')::numeric,
            p_limits => c.call -> 'limits',
            p_cache_seconds => (c.call ->> 'cache_seconds')::float8,
            p_probe_seconds => p_probe_seconds) b;
    END LOOP;
END
$function$;

-- Purpose: settles many model calls in one statement and one commit.
-- Caller:  daemon.llm.journal, sql/call_end.sql, with the calls that came while it was busy.
-- Index:   see call_end_v1.sql.
-- Locks:   those of ai_call_end_v1; see ai_calls_begin_v1.
--
-- p_calls: an array of {request_id, fence, worker_id, hashes, n, token, call, limits, answer,
-- feedback}; of the hashes only the first counts. place: the index in it, from 0.
CREATE FUNCTION ai_calls_end_v1(p_calls jsonb)
    RETURNS TABLE (place integer, verdict text)
    LANGUAGE plpgsql SET jit = off SET plan_cache_mode = force_generic_plan
    SET enable_seqscan = off SET search_path = @schema@, pg_temp AS $function$
DECLARE
    c record;
BEGIN
    PERFORM ai_calls_lock_v1(p_calls);
    FOR c IN SELECT (e.place - 1)::integer AS place, e.value AS call
        FROM jsonb_array_elements(p_calls) WITH ORDINALITY AS e (value, place)
        ORDER BY e.value #>> '{call,model}' COLLATE "C", (e.value ->> 'request_id')::bigint, e.place
    LOOP
        place := c.place;
        verdict := ai_call_end_v1(
            p_request => (c.call ->> 'request_id')::bigint,
            p_fence => (c.call ->> 'fence')::bigint,
            p_worker => c.call ->> 'worker_id',
            p_hash => decode(c.call #>> '{hashes,0}', 'hex'),
            p_n => (c.call ->> 'n')::integer,
            p_token => (c.call ->> 'token')::uuid,
            p_call => c.call -> 'call',
            p_limits => c.call -> 'limits',
            p_answer => c.call -> 'answer',
            p_feedback => c.call -> 'feedback');
        RETURN NEXT;
    END LOOP;
END
$function$;

-- Purpose: takes what several calls will lock, all of it at once. Nothing for a lone call.
-- Caller:  ai_calls_begin_v1, ai_calls_end_v1.
-- Index:   ai_rate_buckets_pkey, ai_budgets_pkey, ai_llm_calls' unique key.
-- Locks:   ai_rate_buckets by key, then ai_budgets (see ai_call_lock_v1): those that the calls
--          count in now, and those that calls in doubt or under way were counted in.
CREATE FUNCTION ai_calls_lock_v1(p_calls jsonb) RETURNS void
    LANGUAGE plpgsql SET jit = off SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
    SET search_path = @schema@, pg_temp AS $function$
#variable_conflict use_column
DECLARE
    v_scopes text[];
    v_periods text[];
BEGIN
    IF jsonb_array_length(p_calls) < 2 THEN RETURN; END IF;

    PERFORM FROM ai_rate_buckets b
    WHERE b.key IN (SELECT kind.prefix || (e.value #>> '{call,model}')
        FROM jsonb_array_elements(p_calls) AS e (value),
            (VALUES ('rpm:'), ('tpm:')) AS kind (prefix))
    ORDER BY b.key COLLATE "C" FOR UPDATE;

    SELECT coalesce(array_agg(w.scope), '{}'), coalesce(array_agg(w.period), '{}')
    INTO v_scopes, v_periods
    FROM (
        SELECT t.scope, t.period
        FROM (SELECT DISTINCT e.value -> 'limits' AS limits
            FROM jsonb_array_elements(p_calls) AS e (value)) l
        CROSS JOIN LATERAL ai_call_budgets_v1(l.limits, clock_timestamp()) t
        UNION
        SELECT u.scope, u.period
        FROM jsonb_array_elements(p_calls) AS e (value)
        -- OFFSET 0: each call's lines by their key, whatever the planner thinks of the table's size.
        CROSS JOIN LATERAL (
            SELECT c.scopes, c.periods FROM ai_llm_calls c
            WHERE c.request_id = (e.value ->> 'request_id')::bigint
                AND c.call_hash = decode(e.value #>> '{hashes,0}', 'hex')
                AND c.n = (e.value ->> 'n')::integer AND c.status IN ('started', 'uncertain')
            OFFSET 0) known
        CROSS JOIN LATERAL unnest(known.scopes, known.periods) AS u (scope, period)
    ) w;
    PERFORM ai_call_lock_v1(v_scopes, v_periods);
END
$function$;
