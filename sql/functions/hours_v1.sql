-- Purpose: the edges of the histograms in ai_hours, in seconds: each 1.5 times the one before, from
--          10 ms to 15 minutes. A duration below the first is in bucket 0, from the last on in the
--          last one.
-- Caller:  ai_count_hour_v1; the console reads percentiles with the same edges.
-- Index:   none.
-- Locks:   none.
CREATE FUNCTION ai_edges_v1() RETURNS double precision[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = @schema@, pg_temp AS $function$
    SELECT array_agg(round((0.01 * 1.5 ^ i)::numeric, 4)::double precision ORDER BY i)
    FROM generate_series(0, 28) i
$function$;

-- Purpose: a histogram from bucket numbers: the i-th element counts bucket i-1.
-- Caller:  ai_count_hour_v1.
-- Index:   none.
-- Locks:   none.
CREATE FUNCTION ai_histogram_v1(p_buckets integer[]) RETURNS integer[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = @schema@, pg_temp AS $function$
    SELECT coalesce((
        SELECT array_agg(coalesce(c.n, 0) ORDER BY b.bucket)
        FROM generate_series(0, 29) AS b (bucket)
        LEFT JOIN (SELECT u.bucket, count(*)::integer AS n
            FROM unnest(p_buckets) AS u (bucket) GROUP BY u.bucket) c USING (bucket)
        WHERE p_buckets IS NOT NULL
    ), '{}')
$function$;

-- Purpose: counts one hour again, from the requests that ended and the calls that began in it.
-- Caller:  hours_count.sql.
-- Index:   ai_requests_finished_at, ai_llm_calls_started.
-- Locks:   the hour's rows in ai_hours and ai_call_hours. Who counts holds the advisory lock
--          ai_hours of its schema; nobody waits for it.
CREATE FUNCTION ai_count_hour_v1(p_hour timestamptz) RETURNS boolean
    LANGUAGE plpgsql SET search_path = @schema@, pg_temp AS $function$
DECLARE
    v_end CONSTANT timestamptz := p_hour + interval '1 hour';
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtext('ai_hours:' || current_schema()), 0) THEN
        RETURN false;
    END IF;
    DELETE FROM ai_hours h WHERE h.hour = p_hour;
    DELETE FROM ai_call_hours h WHERE h.hour = p_hour;
    INSERT INTO ai_hours (hour, task_type, completed, failed, cancelled, expired, degraded,
        tried_again, seconds, wait_seconds)
    SELECT p_hour, coalesce(e.task_type, '*'),
        count(e.status) FILTER (WHERE e.status = 'completed'),
        count(e.status) FILTER (WHERE e.status = 'failed'),
        count(e.status) FILTER (WHERE e.status = 'cancelled'),
        count(e.status) FILTER (WHERE e.status = 'expired'),
        count(e.status) FILTER (WHERE e.mode = 'degraded'),
        count(e.status) FILTER (WHERE e.attempt > 1),
        ai_histogram_v1(array_agg(e.seconds) FILTER (WHERE e.status = 'completed')),
        ai_histogram_v1(array_agg(e.wait) FILTER (WHERE e.status = 'completed'
            AND e.attempt = 1))
    FROM (
        SELECT r.task_type, r.status, r.mode, r.attempt,
            width_bucket(extract(epoch FROM r.finished_at - r.started_at)::double precision,
                ai_edges_v1()) AS seconds,
            width_bucket(greatest(0, extract(epoch FROM
                r.started_at - greatest(r.created_at, r.run_after)))::double precision,
                ai_edges_v1()) AS wait
        FROM (VALUES ('completed'), ('failed'), ('cancelled'), ('expired')) AS s (status)
        CROSS JOIN LATERAL (
            SELECT q.* FROM ai_requests q
            WHERE q.status = s.status AND q.finished_at >= p_hour AND q.finished_at < v_end
        ) r
    ) e
    GROUP BY GROUPING SETS ((e.task_type), ())
    ON CONFLICT (hour, task_type) DO NOTHING;
    INSERT INTO ai_call_hours (hour, task_type, model, calls, failed, cached_answers,
        input_tokens, cached_tokens, output_tokens, cost_usd, unpriced_usd, uncertain_usd)
    SELECT p_hour, c.task_type, coalesce(c.returned_model, c.model),
        count(*) FILTER (WHERE c.cached_from IS NULL),
        count(*) FILTER (WHERE c.status = 'failed'),
        count(*) FILTER (WHERE c.cached_from IS NOT NULL),
        coalesce(sum(c.input_tokens), 0), coalesce(sum(c.cached_tokens), 0),
        coalesce(sum(c.output_tokens), 0), coalesce(sum(c.cost_usd), 0),
        coalesce(sum(c.charged_usd) FILTER (WHERE c.cost_state = 'unpriced'), 0),
        coalesce(sum(c.charged_usd) FILTER (WHERE c.cost_state = 'uncertain'), 0)
    FROM ai_llm_calls c
    WHERE c.started_at >= p_hour AND c.started_at < v_end
    GROUP BY 2, 3;
    RETURN true;
END
$function$;
