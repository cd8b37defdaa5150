-- Purpose: one session of a plan as a workout template of the main app: the only rows that this
--          service ever writes into tables that are not its own.
-- Caller:  result_saved_plans.sql, inside the transaction that accepts the answer.
-- Index:   primary key of ai_saved_plans; the main app's primary keys.
-- Locks:   none beyond the new rows.
--
-- Returns the template's id, or NULL where nothing was written: it was written before, this database
-- has no such tables, or the trainer or every exercise is gone. The tables are named in dynamic SQL
-- because they may be absent, and columns are filled as the main app's ORM fills them, which alone
-- knows the defaults. p_path: the session's search_path, by which agents find these tables too, and
-- by which triggers of theirs find what they need.
CREATE FUNCTION ai_save_plan_v2(p_request_id bigint, p_session jsonb, p_path text) RETURNS bigint
    LANGUAGE plpgsql SET search_path = @schema@, pg_temp AS $function$
DECLARE
    c_now CONSTANT timestamp := clock_timestamp() AT TIME ZONE 'UTC';
    c_ours CONSTANT text := current_setting('search_path');
    v_known boolean;
    v_template bigint;
BEGIN
    PERFORM set_config('search_path', p_path, true);
    IF to_regclass('workout_templates') IS NULL OR to_regclass('workout_exercises') IS NULL
        OR to_regclass('exercises') IS NULL OR to_regclass('trainers') IS NULL
    THEN
        RETURN NULL;
    END IF;
    EXECUTE 'SELECT EXISTS (SELECT FROM trainers WHERE id = $1) AND EXISTS (SELECT FROM exercises e'
        ' JOIN jsonb_to_recordset($2) AS r (exercise_id bigint) ON r.exercise_id = e.id)'
        INTO v_known USING (p_session ->> 'created_by')::bigint, p_session -> 'rows';
    IF NOT v_known THEN
        RETURN NULL;
    END IF;
    PERFORM set_config('search_path', c_ours, true);
    INSERT INTO ai_saved_plans (request_id, day)
    VALUES (p_request_id, (p_session ->> 'day')::smallint) ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    PERFORM set_config('search_path', p_path, true);
    EXECUTE 'INSERT INTO workout_templates (name, description, category, difficulty,'
        ' duration_minutes, created_by, is_public, created_at, updated_at)'
        ' SELECT s.name, s.description, s.category, s.difficulty, s.duration_minutes, s.created_by,'
        ' false, $2, $2 FROM jsonb_to_record($1) AS s (name text, description text, category text,'
        ' difficulty text, duration_minutes integer, created_by integer) RETURNING id'
        INTO v_template USING p_session, c_now;
    EXECUTE 'INSERT INTO workout_exercises (workout_template_id, exercise_id, "order", sets, reps,'
        ' duration_seconds, rest_seconds, weight, notes)'
        ' SELECT $2, e.id, r."order", r.sets, r.reps, r.duration_seconds, r.rest_seconds, r.weight,'
        ' r.notes FROM jsonb_to_recordset($1) AS r (exercise_id bigint, "order" integer,'
        ' sets integer, reps text, duration_seconds integer, rest_seconds integer, weight text,'
        ' notes text) JOIN exercises e ON e.id = r.exercise_id ORDER BY r."order"'
        USING p_session -> 'rows', v_template;
    -- What the main app checks at the commit is checked now, while only the templates depend on it.
    SET CONSTRAINTS ALL IMMEDIATE;
    PERFORM set_config('search_path', c_ours, true);
    UPDATE ai_saved_plans s SET template_id = v_template
    WHERE s.request_id = p_request_id AND s.day = (p_session ->> 'day')::smallint;
    RETURN v_template;
END
$function$;
