-- Purpose: writes the state of components: a new row where the status or the worst check changed and
--          on every hour, else the newest row is touched. So the table is a history of states, with
--          hourly values for forecasts. Returns how many rows are new.
-- Index:   ai_system_health_newest.
-- Caller:  health_put.sql, each minute; result_system_health.sql, for a request.
-- Locks:   an advisory one, so that two daemons do not both begin a state.
--
-- Each daemon sees the same database and a process of its own. While another daemon has seen worse
-- within the last 90 seconds its row stands; of two that are as bad the one that was first stands.
-- p_states: an array of {component, status, message, metrics, worst_check, checks_total,
-- checks_unknown}. Rows of an older service, which name no worker, are not continued.
CREATE FUNCTION ai_health_state_v1(
    p_states jsonb,
    p_worker text,
    p_request_id bigint DEFAULT NULL,
    p_now timestamptz DEFAULT NULL
) RETURNS integer
    LANGUAGE plpgsql SET search_path = @schema@, pg_temp AS $function$
DECLARE
    v_now timestamptz;
    v_new record;
    v_old ai_system_health;
    v_ranks CONSTANT text[] := '{healthy,warning,critical}';
    v_others boolean;
    v_begun integer := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('ai_health_state:' || current_schema()));
    v_now := coalesce(p_now, clock_timestamp());
    FOR v_new IN
        SELECT s.component, s.status, s.message, coalesce(s.metrics, '{}') AS metrics, s.worst_check,
            coalesce(s.checks_total, 0) AS checks_total,
            coalesce(s.checks_unknown, 0) AS checks_unknown
        FROM jsonb_to_recordset(p_states) AS s(component text, status text, message text,
            metrics jsonb, worst_check text, checks_total integer, checks_unknown integer)
    LOOP
        SELECT h.* INTO v_old FROM ai_system_health h
        WHERE h.component = v_new.component AND h.worker_id IS NOT NULL
        ORDER BY h.checked_at DESC, h.id DESC LIMIT 1;
        v_others := coalesce(v_old.worker_id <> p_worker
            AND v_old.checked_at > v_now - interval '90 seconds', false);
        CONTINUE WHEN v_others AND array_position(v_ranks, v_old.status::text)
            > array_position(v_ranks, v_new.status);
        IF v_old.id IS NOT NULL AND v_old.status = v_new.status
            AND (v_others OR v_old.worst_check IS NOT DISTINCT FROM v_new.worst_check)
        THEN
            v_new.worst_check := v_old.worst_check;
            IF date_trunc('hour', v_old.checked_at) = date_trunc('hour', v_now) THEN
                UPDATE ai_system_health h
                SET message = v_new.message, metrics = v_new.metrics,
                    checks_total = v_new.checks_total, checks_unknown = v_new.checks_unknown,
                    request_id = coalesce(p_request_id, h.request_id), worker_id = p_worker,
                    checked_at = greatest(h.checked_at, v_now)
                WHERE h.id = v_old.id;
                CONTINUE;
            END IF;
        ELSE
            v_old.since := v_now;
        END IF;
        INSERT INTO ai_system_health (component, status, message, metrics, since, worst_check,
            checks_total, checks_unknown, request_id, worker_id, checked_at)
        VALUES (v_new.component, v_new.status, v_new.message, v_new.metrics,
            coalesce(v_old.since, v_now), v_new.worst_check, v_new.checks_total,
            v_new.checks_unknown, p_request_id, p_worker, v_now);
        v_begun := v_begun + 1;
    END LOOP;
    RETURN v_begun;
END
$function$;
