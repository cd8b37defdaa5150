-- Purpose: takes due requests for a worker, best first, within every limit: the next fence, a lease,
--          an attempt row; the first claim also pins the version of the agent's configuration.
--          Fewer than p_slots may come although more could; call until nothing comes.
-- Index:   ai_requests_due for what is due at all, ai_requests_fair for the walk over fair keys and
--          for each key's best rows, ai_requests_claim for the best rows of all, primary keys for the
--          rest.
-- Caller:  request_claim.sql.
-- Locks:   one advisory lock per schema to the end of the transaction, so that limits are exact;
--          requests and ai_control rows only where nobody holds them.
--
-- A trigger of the main app's on ai_requests, or a constraint, may refuse what it wants to take; then
-- nothing is taken. p_past, after that: requests to pass over, or none; each that is to be taken is
-- tried alone first, and one that is refused comes with nothing but its refusal, without words: those
-- of a trigger may name a client.
--
-- Limits live in ai_control: per agent `concurrency`, `per_key` (running at once for one fair_key;
-- the empty key has no such limit), `starts_per_minute` (a bucket that holds one minute's starts),
-- `paused` until `resume_at`. The row '*' limits all agents together by the same columns, per_key
-- excepted.
--
-- While all that is due fits within every limit there is nobody to be fair to: it is taken without
-- ranking, which spares a lone claim a third of its time. Under light load no other is needed.
--
-- Fairness: a full scan of a long backlog would find one busy tenant's rows only. So the keys are
-- walked from key to key through the index, at most 200 a time, going on next time at key_cursor; to
-- them come the keys of the 50 best rows. Each key offers as many rows as it has room for and 8 more,
-- in case some are locked; they are ranked by priority, then by how much each key already has.
--
-- The commit is asynchronous: a request starts while its claim is on the way to the disk. All that
-- follows from a claim comes behind it in the log, so whatever waits for the disk waits for the claim
-- too: the end of the attempt, and its first model call (ai_calls_begin_v1). A crash of PostgreSQL can
-- undo the claims of its last moments. Those requests run again, and the worker that had them is told
-- that it is foreign, having spent nothing.
--
-- It may be the one that claims them again, and no fence may be valid twice: of a request from before
-- a crash the fence goes up by two, and the claim waits for the disk, so that the next crash cannot
-- undo it. Of any other only the last claim can be undone: it is claimed again only after an end, which
-- waited. A worker that takes requests of an agent with on_lost = 'fail', of which no attempt may begin
-- twice, waits for all its claims.
--
-- Traps. Counted in the statement that takes the advisory lock, leases would come from a snapshot
-- older than the lock, and limits would be overshot. `= ANY (ARRAY(...))` keeps the planner from
-- joining the whole table; conditions that are always true choose the index (see its definition).
-- jit would add 70 ms to each call, and planning anew 2 ms: the conditions leave the planner one index
-- for each step, so one plan serves every size (without statistics it would scan a small table whole,
-- and keep that plan). A second UPDATE of the same ai_control row in one statement is
-- silently dropped: cursor and bucket are written together.
CREATE FUNCTION ai_claim_v2(
    p_worker text,
    p_types text[],
    p_slots integer,
    p_lease interval,
    p_now timestamptz,
    p_past bigint[]
) RETURNS TABLE (
    id bigint,
    fence bigint,
    task_type text,
    attempt smallint,
    input_data jsonb,
    requested_by text,
    fair_key text,
    created_at timestamptz,
    max_usd numeric,
    on_unavailable text,
    agent_version integer,
    refusal text
)
    LANGUAGE plpgsql SET jit = off SET plan_cache_mode = force_generic_plan
    SET enable_seqscan = off SET enable_bitmapscan = off SET search_path = @schema@, pg_temp AS $function$
#variable_conflict use_column
DECLARE
    v_now timestamptz;
    v_commit text := current_setting('synchronous_commit');
    v_undone_to bigint;
    v_adopted boolean := false;
    v_midway boolean;
    v_ids bigint[];
    v_past bigint[] := coalesce(p_past, '{}');
    v_id bigint;
    v_context text;
    v_by text;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('ai_claim:' || current_schema()), 0);
    v_now := coalesce(p_now, clock_timestamp());
    SELECT e.undone_to INTO v_undone_to FROM ai_lease_epoch e;
    IF NOT FOUND THEN
        PERFORM ai_adopt_v1(p_lease, v_now);
        v_adopted := true;
        SELECT e.undone_to INTO v_undone_to FROM ai_lease_epoch e;
    END IF;
    -- Only what is missing: a conflict with a row that an admin is editing would be waited for.
    INSERT INTO ai_control (task_type)
    SELECT t.task_type FROM unnest(p_types) AS t(task_type)
    WHERE NOT EXISTS (SELECT FROM ai_control c WHERE c.task_type = t.task_type)
    ON CONFLICT DO NOTHING;

    WITH due AS MATERIALIZED (
        SELECT r.id, r.task_type, r.fair_key FROM ai_requests r
        WHERE r.status = 'pending' AND r.run_after >= '-infinity' AND r.run_after <= v_now
            AND r.id <> ALL (v_past)
        ORDER BY r.run_after LIMIT p_slots + 1
    ),
    busy AS MATERIALIZED (
        SELECT k.task_type, sum(k.n) AS n, max(k.n) FILTER (WHERE k.fair_key <> '') AS fullest
        FROM (
            SELECT u.task_type, u.fair_key, count(*) AS n
            FROM (
                SELECT l.task_type, l.fair_key FROM ai_leases l
                UNION ALL
                SELECT due.task_type, due.fair_key FROM due
            ) u
            GROUP BY u.task_type, u.fair_key
        ) k
        GROUP BY k.task_type
    )
    SELECT coalesce(array_agg(due.id) FILTER (WHERE due.task_type = ANY (p_types)), '{}')
    INTO v_ids FROM due
    HAVING CASE WHEN count(*) <= p_slots THEN NOT EXISTS (
        SELECT FROM ai_control c LEFT JOIN busy USING (task_type)
        WHERE (c.task_type = ANY (p_types) OR c.task_type = '*')
            AND (c.paused OR c.starts_per_minute IS NOT NULL
                OR c.concurrency < CASE
                    WHEN c.task_type = '*' THEN (SELECT sum(b.n) FROM busy b) ELSE busy.n END
                OR c.per_key < busy.fullest)) END;

    -- A walk that ended, or met only full keys, goes on from the front.
    FOR pass IN 1..6 LOOP
        EXIT WHEN v_ids IS NOT NULL;
        v_midway := EXISTS (
            SELECT FROM ai_control c WHERE c.task_type = ANY (p_types) AND c.key_cursor <> '');
        WITH held AS MATERIALIZED (
            SELECT l.task_type, l.fair_key, count(*)::integer AS n
            FROM ai_leases l GROUP BY l.task_type, l.fair_key
        ),
        -- Rows with a start rate are locked before they are read for good; one that an admin is
        -- editing is passed over this time.
        rated AS MATERIALIZED (
            SELECT c.task_type FROM ai_control c
            WHERE (c.task_type = ANY (p_types) OR c.task_type = '*')
                AND c.starts_per_minute IS NOT NULL
            FOR NO KEY UPDATE SKIP LOCKED
        ),
        control AS MATERIALIZED (
            SELECT c.task_type, c.per_key, c.key_cursor, c.starts_per_minute, t.tokens,
                CASE
                    WHEN c.paused AND (c.resume_at IS NULL OR c.resume_at > v_now) THEN 0
                    WHEN c.starts_per_minute IS NULL THEN p_slots
                    WHEN EXISTS (SELECT FROM rated WHERE rated.task_type = c.task_type)
                        THEN least(p_slots, floor(t.tokens))
                    ELSE 0
                END AS startable,
                c.concurrency - coalesce((
                    SELECT sum(h.n) FROM held h
                    WHERE c.task_type = '*' OR h.task_type = c.task_type), 0) AS free
            FROM ai_control c
            -- abs: a clock that was set back must not stop the bucket from filling.
            CROSS JOIN LATERAL (
                SELECT least(c.starts_per_minute, c.bucket + c.starts_per_minute / 60.0
                    * abs(extract(epoch FROM v_now - c.bucket_at))::double precision) AS tokens
            ) t
            WHERE c.task_type = ANY (p_types) OR c.task_type = '*'
        ),
        whole AS MATERIALIZED (
            SELECT least(p_slots, min(least(c.startable, c.free)))::integer AS room
            FROM control c WHERE c.task_type = '*'
        ),
        cap AS MATERIALIZED (
            SELECT c.task_type, c.per_key, c.key_cursor,
                least(whole.room, c.startable, c.free)::integer AS room
            FROM control c CROSS JOIN whole
            WHERE c.task_type <> '*' AND least(whole.room, c.startable, c.free) > 0
        ),
        walked AS MATERIALIZED (
            SELECT cap.task_type, w.fair_key, w.n
            FROM cap CROSS JOIN LATERAL (
                WITH RECURSIVE walk AS (
                    (SELECT r.fair_key, 1 AS n FROM ai_requests r
                     WHERE r.task_type = cap.task_type AND r.status = 'pending'
                        AND r.fair_key >= cap.key_cursor AND r.fair_key >= ''
                     ORDER BY r.fair_key LIMIT 1)
                    UNION ALL
                    SELECT (SELECT r.fair_key FROM ai_requests r
                            WHERE r.task_type = cap.task_type AND r.status = 'pending'
                                AND r.fair_key > walk.fair_key AND r.fair_key >= ''
                            ORDER BY r.fair_key LIMIT 1), walk.n + 1
                    FROM walk WHERE walk.fair_key IS NOT NULL AND walk.n < 200
                )
                SELECT walk.fair_key, walk.n FROM walk WHERE walk.fair_key IS NOT NULL
            ) w
        ),
        cand AS MATERIALIZED (
            SELECT cap.task_type, cap.room, k.id, k.priority, k.fair_key, k.key_room, k.share
            FROM cap CROSS JOIN LATERAL (
                WITH keys AS (
                    SELECT w.fair_key FROM walked w WHERE w.task_type = cap.task_type
                    UNION
                    SELECT best.fair_key FROM (
                        SELECT r.fair_key FROM ai_requests r
                        WHERE r.task_type = cap.task_type AND r.status = 'pending'
                            AND r.run_after <= v_now AND r.priority >= -32768
                        ORDER BY r.priority DESC, r.id LIMIT 50) best
                ),
                open AS (
                    SELECT keys.fair_key, coalesce(h.n, 0) AS n,
                        CASE WHEN keys.fair_key = '' THEN cap.room
                            ELSE least(cap.room, cap.per_key - coalesce(h.n, 0)) END AS key_room
                    FROM keys
                    LEFT JOIN held h
                        ON h.task_type = cap.task_type AND h.fair_key = keys.fair_key
                )
                SELECT x.id, x.priority, open.fair_key, open.key_room,
                    open.n + row_number() OVER (
                        PARTITION BY open.fair_key ORDER BY x.priority DESC, x.id) AS share
                FROM open CROSS JOIN LATERAL (
                    SELECT r.id, r.priority FROM ai_requests r
                    WHERE r.task_type = cap.task_type AND r.status = 'pending'
                        AND r.fair_key = open.fair_key AND r.fair_key >= ''
                        AND r.run_after <= v_now
                        AND r.cancel_requested_at IS NULL
                        AND (r.expires_at IS NULL OR r.expires_at > v_now)
                        AND r.id <> ALL (v_past)
                    ORDER BY r.priority DESC, r.id
                    LIMIT CASE WHEN open.key_room > 0 THEN open.key_room + 8 ELSE 0 END
                ) x
                ORDER BY x.priority DESC, share, x.id
                LIMIT cap.room + 16
            ) k
        ),
        locked AS MATERIALIZED (
            SELECT r.id FROM ai_requests r
            WHERE r.id = ANY (ARRAY(SELECT cand.id FROM cand))
                AND r.status = 'pending' AND r.run_after <= v_now
                AND r.cancel_requested_at IS NULL
                AND (r.expires_at IS NULL OR r.expires_at > v_now)
            FOR UPDATE SKIP LOCKED
        ),
        pick AS MATERIALIZED (
            SELECT z.id, z.task_type
            FROM (
                SELECT y.*, row_number() OVER (
                    PARTITION BY y.task_type ORDER BY y.priority DESC, y.share, y.id) AS type_rank
                FROM (
                    SELECT cand.*, row_number() OVER (
                        PARTITION BY cand.task_type, cand.fair_key
                        ORDER BY cand.priority DESC, cand.id) AS key_rank
                    FROM cand JOIN locked USING (id)
                ) y
                WHERE y.key_rank <= y.key_room
            ) z
            WHERE z.type_rank <= z.room
            ORDER BY z.priority DESC, z.share, z.id
            LIMIT (SELECT greatest(whole.room, 0) FROM whole)
        ),
        spent AS (
            SELECT pick.task_type, count(*) AS n FROM pick GROUP BY pick.task_type
            UNION ALL
            SELECT '*', count(*) FROM pick
        ),
        change AS MATERIALIZED (
            SELECT c.task_type, coalesce(turn.next_key, c.key_cursor) AS key_cursor,
                CASE WHEN c.starts_per_minute IS NOT NULL AND spent.n > 0
                    THEN c.tokens - spent.n END AS bucket
            FROM control c
            LEFT JOIN spent USING (task_type)
            LEFT JOIN (
                SELECT cap.task_type,
                    CASE WHEN count(w.n) < 200 THEN '' ELSE max(w.fair_key) END AS next_key
                FROM cap LEFT JOIN walked w USING (task_type) GROUP BY cap.task_type
            ) turn USING (task_type)
            WHERE (c.starts_per_minute IS NOT NULL AND spent.n > 0)
                OR turn.next_key <> c.key_cursor
        ),
        writable AS MATERIALIZED (
            SELECT c.task_type FROM ai_control c
            WHERE c.task_type = ANY (ARRAY(SELECT change.task_type FROM change))
            FOR NO KEY UPDATE SKIP LOCKED
        ),
        charged AS (
            UPDATE ai_control c
            SET key_cursor = change.key_cursor,
                bucket = coalesce(change.bucket, c.bucket),
                bucket_at = CASE WHEN change.bucket IS NULL THEN c.bucket_at ELSE v_now END
            FROM change JOIN writable USING (task_type)
            WHERE c.task_type = change.task_type
        )
        SELECT array_agg(pick.id) INTO v_ids FROM pick;
        EXIT WHEN v_ids IS NOT NULL;
        EXIT WHEN NOT v_midway AND NOT EXISTS (
            SELECT FROM ai_control c WHERE c.task_type = ANY (p_types) AND c.key_cursor <> '');
    END LOOP;

    -- Whether they may start is tried with each, and undone.
    IF p_past IS NOT NULL AND v_ids IS NOT NULL THEN
        SET CONSTRAINTS ALL IMMEDIATE;
        FOREACH v_id IN ARRAY v_ids LOOP
            BEGIN
                UPDATE ai_requests r
                SET status = 'running', attempt = r.attempt + 1, fence = r.fence + 1,
                    started_at = v_now, checked = true
                WHERE r.status = 'pending' AND r.id = ANY (ARRAY(
                    SELECT l.id FROM ai_requests l WHERE l.id = v_id FOR UPDATE SKIP LOCKED));
                RAISE SQLSTATE 'AI000';
            EXCEPTION WHEN SQLSTATE 'AI000' THEN
                NULL;
            WHEN OTHERS THEN
                -- What passes by itself is for the caller: see is_transient in daemon/database.py.
                IF left(SQLSTATE, 2) IN ('08', '40', '53', '57', '58')
                    OR SQLSTATE IN ('55P03', '25006')
                THEN
                    RAISE;
                END IF;
                GET STACKED DIAGNOSTICS v_context = PG_EXCEPTION_CONTEXT, v_by = CONSTRAINT_NAME;
                v_by := coalesce(nullif(v_by, ''), substring(v_context FROM 'function ([\w.]+)'));
                id := v_id;
                refusal := 'SQLSTATE ' || SQLSTATE || coalesce(', by ' || v_by, '');
                RETURN NEXT;
                v_ids := array_remove(v_ids, v_id);
            END;
        END LOOP;
    END IF;

    -- See above. Under 'off' or 'local' the end would not wait either, so the claim must.
    PERFORM set_config('synchronous_commit', CASE
        WHEN v_commit IN ('off', 'local') THEN 'on'
        WHEN v_adopted OR v_undone_to >= ANY (v_ids) OR EXISTS (
            SELECT FROM ai_control c WHERE c.task_type = ANY (p_types) AND c.on_lost = 'fail')
        THEN v_commit
        ELSE 'off' END, true);
    RETURN QUERY
    WITH locked AS MATERIALIZED (
        SELECT r.id FROM ai_requests r
        WHERE r.id = ANY (v_ids) AND r.status = 'pending' AND r.run_after <= v_now
            AND r.cancel_requested_at IS NULL
            AND (r.expires_at IS NULL OR r.expires_at > v_now)
        FOR UPDATE SKIP LOCKED
    ),
    taken AS (
        UPDATE ai_requests r
        SET status = 'running', attempt = r.attempt + 1,
            fence = r.fence + CASE WHEN r.id <= v_undone_to THEN 2 ELSE 1 END,
            started_at = v_now, checked = true,
            agent_version = coalesce(r.agent_version, (
                SELECT a.version FROM ai_agents a
                WHERE a.type = r.task_type AND a.archived_at IS NULL))
        WHERE r.id = ANY (ARRAY(SELECT locked.id FROM locked)) AND r.status = 'pending'
        RETURNING r.*
    ),
    leased AS (
        INSERT INTO ai_leases (request_id, fence, task_type, fair_key, worker_id, expires_at)
        SELECT t.id, t.fence, t.task_type, t.fair_key, p_worker, v_now + p_lease FROM taken t
        ON CONFLICT (request_id) DO UPDATE SET fence = excluded.fence,
            worker_id = excluded.worker_id, expires_at = excluded.expires_at
    ),
    -- A conflict means that ai_requests came back from an older backup than ai_attempts.
    attempted AS (
        INSERT INTO ai_attempts (request_id, fence, attempt, worker_id, started_at)
        SELECT t.id, t.fence, t.attempt, p_worker, v_now FROM taken t
        ON CONFLICT (request_id, fence) DO UPDATE SET attempt = excluded.attempt,
            worker_id = excluded.worker_id, started_at = excluded.started_at,
            finished_at = NULL, outcome = NULL, output = NULL, error = NULL
    )
    SELECT t.id, t.fence, t.task_type, t.attempt,
        -- See functions/input_v1.sql: what is small when stored may be endless when written.
        CASE WHEN pg_column_size(t.input_data #> '{}') < 2000 AND NOT t.input_data
                @? 'strict $.** ? (@ > 1e100 || @ < -1e100 || (@ != 0 && @ < 1e-100 && @ > -1e-100))'
                AND octet_length(t.input_data::text) < 8000
            THEN t.input_data END,
        t.requested_by, t.fair_key, t.created_at, t.max_usd, t.on_unavailable, t.agent_version,
        NULL::text
    FROM taken t;
END
$function$;
