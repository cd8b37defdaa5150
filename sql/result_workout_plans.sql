-- Purpose: a workout plan as typed rows: the plan, and an item per exercise, week and day.
-- Index:   ai_workout_plans by request_id.
-- Caller:  Store.complete, behind a savepoint; Store.redo_projections.
-- Locks:   none beyond the new rows.
--
-- rows is an array of objects with the columns' names; `items` is an array of objects with those of
-- ai_workout_plan_items. request_id, agent_version and the ids are ours. A plan that is there already
-- stays as it is.
WITH given AS (
    SELECT x.* FROM jsonb_to_recordset(%(rows)s::jsonb) AS x(client_id bigint, trainer_id bigint,
        status text, llm_used boolean, kind text, goal text, fitness_level text,
        sessions_per_week smallint, minutes smallint, weeks smallint,
        constraints_passed smallint, relaxed text[], conditions text[], excluded_count integer,
        needs_clearance boolean, quality_score real, minimal boolean, solve_ms integer,
        plan jsonb, items jsonb)
),
plan AS (
    INSERT INTO ai_workout_plans (request_id, client_id, trainer_id, status, llm_used,
        agent_version, kind, goal, fitness_level, sessions_per_week, minutes, weeks,
        constraints_passed, relaxed, conditions, excluded_count, needs_clearance, quality_score,
        minimal, solve_ms, plan)
    SELECT %(request_id)s::bigint, g.client_id, g.trainer_id, g.status,
        coalesce(g.llm_used, false), %(agent_version)s::integer, g.kind, g.goal, g.fitness_level,
        g.sessions_per_week, g.minutes, g.weeks, g.constraints_passed,
        coalesce(g.relaxed, '{}'), coalesce(g.conditions, '{}'), g.excluded_count,
        coalesce(g.needs_clearance, false), g.quality_score, g.minimal, g.solve_ms, g.plan
    FROM given g
    ON CONFLICT (request_id) DO NOTHING
    RETURNING id
)
INSERT INTO ai_workout_plan_items (plan_id, week, day, ord, key, exercise_id, exercise, sets, reps,
    duration_seconds, rest_seconds, rpe)
SELECT plan.id, i.week, i.day, i.ord, i.key, i.exercise_id, i.exercise, i.sets, i.reps,
    i.duration_seconds, i.rest_seconds, i.rpe
FROM plan CROSS JOIN given g
CROSS JOIN LATERAL jsonb_to_recordset(coalesce(g.items, '[]')) AS i(week smallint, day smallint,
    ord smallint, key text, exercise_id bigint, exercise text, sets smallint, reps smallint,
    duration_seconds integer, rest_seconds smallint, rpe real)
