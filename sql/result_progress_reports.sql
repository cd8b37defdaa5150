-- Purpose: a progress report as typed rows, one per goal, in the answer's order.
-- Index:   ai_progress_reports by (request_id, ord).
-- Caller:  Store.complete, behind a savepoint; Store.redo_projections.
-- Locks:   none beyond the new rows.
--
-- rows is an array of objects with the columns' names; request_id, agent_version, ord and the ids are
-- ours. Rows that are there already stay as they are.
INSERT INTO ai_progress_reports (request_id, client_id, trainer_id, status, llm_used, agent_version,
    ord, goal_id, category, metric, unit, as_of, current, target, direction, rate_per_week, p10_date,
    p50_date, p90_date, p_reach_365, p_reach_by_target, confidence, plateau, flags, n_points,
    unit_repairs)
SELECT %(request_id)s::bigint, g.client_id, g.trainer_id, g.status, coalesce(g.llm_used, false),
    %(agent_version)s::integer, x.ord::smallint, g.goal_id, g.category, g.metric, g.unit, g.as_of,
    g.current, g.target, g.direction, g.rate_per_week, g.p10_date, g.p50_date, g.p90_date,
    g.p_reach_365, g.p_reach_by_target, g.confidence, coalesce(g.plateau, false),
    coalesce(g.flags, '{}'), g.n_points, g.unit_repairs
FROM jsonb_array_elements(%(rows)s::jsonb) WITH ORDINALITY AS x(given, ord)
CROSS JOIN LATERAL jsonb_to_record(x.given) AS g(client_id bigint, trainer_id bigint, status text,
    llm_used boolean, goal_id bigint, category text, metric text, unit text, as_of date,
    current double precision, target double precision, direction text,
    rate_per_week double precision, p10_date date, p50_date date, p90_date date, p_reach_365 real,
    p_reach_by_target real, confidence real, plateau boolean, flags text[], n_points integer,
    unit_repairs integer)
ON CONFLICT (request_id, ord) DO NOTHING
