-- Purpose: writes the ends of attempts: status, result, attempt row, cost; frees the lease; tells the
--          main app. Gives one verdict per (id, fence).
-- Index:   primary keys of ai_requests, ai_attempts, ai_leases, ai_results; ai_llm_calls by
--          request_id.
-- Caller:  attempt_complete.sql, in a transaction that goes on with the typed rows.
-- Locks:   the requests, in the order of their id, in a statement of its own: what is decided next
--          is decided on a snapshot in which every row is already ours. Then leases and attempts.
--
-- p is an array of {id, fence, outcome, result, error, delay_seconds, mode, degraded_reason,
-- agent_version}; outcome is completed | retry | snoozed | released | waiting | failed | refused |
-- cancelled.
--
-- accepted:   the attempt still had the request, or the reaper had put it back and nobody has claimed
--             it since: a late result was paid for, so it counts, unless a cancel was asked for.
-- repeated:   the same end is written already; the first commit did arrive.
-- superseded: the request went on without this attempt; output and cost stay on the attempt.
-- foreign:    this worker never had this attempt.
--
-- A batch is at most two hundred rows, each found by its key: nothing else is ever right here. But a
-- session keeps the plan that it made while the tables were small, and through a small table the planner
-- rather walks: by any index that is in the order of a join, whatever else is forbidden. A condition
-- "= ANY (ARRAY[key])" has no order, so no index is walked for it; what remains is a look for each row.
--
-- snoozed, released, waiting and refused give the attempt back; refused leaves no attempt row. A
-- finished result wins over a cancel; everything that would run again does not.
CREATE FUNCTION ai_complete_v1(p_worker text, p jsonb, p_now timestamptz DEFAULT NULL)
    RETURNS TABLE (id bigint, fence bigint, verdict text)
    LANGUAGE plpgsql SET jit = off SET plan_cache_mode = force_generic_plan
    SET enable_seqscan = off SET enable_bitmapscan = off SET enable_material = off
    SET enable_mergejoin = off SET enable_hashjoin = off SET search_path = @schema@, pg_temp AS $function$
#variable_conflict use_column
DECLARE
    v_ids bigint[] := ARRAY(SELECT (e ->> 'id')::bigint FROM jsonb_array_elements(p) e);
    v_now timestamptz;
    v_notify boolean;
BEGIN
    PERFORM FROM (
        SELECT r.id FROM ai_requests r WHERE r.id = ANY (v_ids) ORDER BY r.id + 0 FOR UPDATE) z;
    v_now := coalesce(p_now, clock_timestamp());
    -- A full notification queue would fail our commit; the main app's own poll finds the row.
    v_notify := pg_notification_queue_usage() < 0.5;
    RETURN QUERY
    WITH given AS MATERIALIZED (
        SELECT DISTINCT ON (x.id, x.fence) x.*
        FROM jsonb_to_recordset(p) AS x(id bigint, fence bigint, outcome text, result jsonb,
            error jsonb, delay_seconds double precision, mode text, degraded_reason text,
            agent_version integer)
        ORDER BY x.id, x.fence
    ),
    known AS MATERIALIZED (
        SELECT g.*, r.attempt, r.max_attempts, a.outcome AS had, a.worker_id IS NOT NULL AS mine,
            r.cancel_requested_at IS NOT NULL AS stop,
            coalesce(a.worker_id IS NOT NULL AND r.fence = g.fence AND (
                (r.status = 'running' AND a.outcome IS NULL)
                OR (r.status = 'pending' AND a.outcome = 'lost' AND g.outcome = 'completed'
                    AND r.cancel_requested_at IS NULL)), false) AS ok,
            r.status = 'pending' AS queued,
            coalesce(g.outcome = 'refused' AND r.fence = g.fence AND r.status = 'failed'
                AND a.worker_id IS NULL, false) AS refused_before,
            least(greatest(coalesce(g.delay_seconds, 0), 0), 31536000) AS wait_seconds
        FROM given g
        LEFT JOIN LATERAL (SELECT * FROM ai_requests q WHERE q.id = ANY (ARRAY[g.id])) r ON true
        LEFT JOIN LATERAL (
            SELECT * FROM ai_attempts b
            WHERE b.request_id = ANY (ARRAY[g.id]) AND b.fence = g.fence
                AND b.worker_id = p_worker) a ON true
    ),
    decided AS MATERIALIZED (
        SELECT k.*, bill.*,
            CASE
                WHEN k.stop AND k.outcome IN ('retry', 'snoozed', 'released', 'waiting')
                    THEN 'cancelled'
                WHEN k.outcome = 'retry' AND k.attempt >= k.max_attempts THEN 'failed'
                WHEN k.outcome IN ('retry', 'snoozed', 'released') THEN 'pending'
                WHEN k.outcome = 'waiting' THEN
                    CASE WHEN EXISTS (SELECT FROM ai_approvals q
                        WHERE q.request_id = ANY (ARRAY[k.id]) AND q.decided_at IS NULL)
                    THEN 'waiting' ELSE 'pending' END
                WHEN k.outcome = 'refused' THEN 'failed'
                ELSE k.outcome
            END AS next
        FROM known k
        -- Spent on calls of unknown price only: the sum is unknown too, and never 0.
        LEFT JOIN LATERAL (
            SELECT coalesce(sum(c.input_tokens) FILTER (WHERE own), 0) AS input_tokens,
                coalesce(sum(c.output_tokens) FILTER (WHERE own), 0) AS output_tokens,
                coalesce(sum(c.cost_usd) FILTER (WHERE own), 0) AS attempt_usd,
                coalesce(sum(c.cost_usd),
                    CASE WHEN bool_or(c.cost_state = 'unpriced') THEN NULL ELSE 0 END
                ) AS request_usd
            FROM (
                SELECT l.*, l.fence = k.fence AND l.worker_id = p_worker AS own
                FROM ai_llm_calls l WHERE l.request_id = ANY (ARRAY[k.id])) c
        ) bill ON k.mine
    ),
    written AS (
        UPDATE ai_requests r
        SET status = d.next,
            attempt = CASE WHEN d.outcome IN ('snoozed', 'released', 'waiting', 'refused')
                THEN r.attempt - 1 ELSE r.attempt END,
            run_after = CASE WHEN d.next = 'pending'
                THEN v_now + make_interval(secs => d.wait_seconds) ELSE r.run_after END,
            error = CASE WHEN d.next IN ('failed', 'pending') THEN d.error END,
            mode = CASE WHEN d.next = 'completed' THEN d.mode END,
            degraded_reason = CASE WHEN d.next = 'completed' THEN d.degraded_reason END,
            cost_usd = d.request_usd,
            agent_version = coalesce(d.agent_version, r.agent_version),
            finished_at = CASE WHEN d.next IN ('completed', 'failed', 'cancelled')
                THEN v_now END
        FROM decided d
        WHERE r.id = ANY (ARRAY[d.id]) AND d.ok
        RETURNING r.id, r.fence, r.task_type, d.next, d.outcome, d.result, d.mode,
            d.degraded_reason, d.wait_seconds
    ),
    freed AS (
        DELETE FROM ai_leases l USING written w
        WHERE l.request_id = ANY (ARRAY[w.id]) AND l.fence = w.fence
    ),
    answered AS (
        INSERT INTO ai_results AS s
            (request_id, task_type, mode, degraded_reason, result, created_at)
        SELECT w.id, w.task_type, w.mode, w.degraded_reason, coalesce(w.result, 'null'), v_now
        FROM written w WHERE w.next = 'completed'
        ON CONFLICT (request_id) DO UPDATE SET mode = excluded.mode, result = excluded.result,
            degraded_reason = excluded.degraded_reason, created_at = excluded.created_at
    ),
    refused AS (
        DELETE FROM ai_attempts a USING written w
        WHERE a.request_id = ANY (ARRAY[w.id]) AND a.fence = w.fence AND w.outcome = 'refused'
    ),
    noted AS (
        UPDATE ai_attempts a
        SET finished_at = v_now,
            outcome = CASE WHEN d.ok THEN d.outcome ELSE 'superseded' END,
            output = CASE WHEN d.ok THEN NULL ELSE d.result END,
            error = d.error,
            input_tokens = d.input_tokens,
            output_tokens = d.output_tokens,
            cost_usd = d.attempt_usd
        FROM decided d
        WHERE a.request_id = ANY (ARRAY[d.id]) AND a.fence = d.fence
            AND d.mine AND NOT (d.ok AND d.outcome = 'refused')
            AND (d.ok OR d.had IS NULL OR d.had = 'lost')
    ),
    told AS (
        SELECT pg_notify('ai_results', format('{"id": %s, "status": "%s"}', w.id, w.next))
        FROM written w WHERE v_notify AND w.next IN ('completed', 'failed', 'cancelled')
    ),
    -- Also for a pending row that was locked in vain: a claim has just stepped round it.
    rung AS (
        SELECT ai_ring() FROM (
            SELECT FROM written w WHERE w.next = 'pending' AND w.wait_seconds = 0
            UNION ALL
            SELECT FROM decided d WHERE d.queued AND NOT d.ok
            LIMIT 1) z
    )
    SELECT d.id, d.fence,
        CASE WHEN d.ok THEN 'accepted'
            WHEN d.had = d.outcome OR d.refused_before THEN 'repeated'
            WHEN d.mine THEN 'superseded'
            ELSE 'foreign' END
    FROM decided d, (SELECT count(*) FROM told) t, (SELECT count(*) FROM rung) b;
END
$function$;
