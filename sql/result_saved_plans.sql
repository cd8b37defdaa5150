-- Purpose: sessions of a plan as workout templates of the main app, each once per request.
-- Index:   primary key of ai_saved_plans.
-- Caller:  Store.complete, behind a savepoint; Store.redo_projections.
-- Locks:   none beyond the new rows.
--
-- rows is an array of objects, one per session; see ai_save_plan_v2.
SELECT ai_save_plan_v2(%(request_id)s::bigint, session.value, current_setting('search_path'))
    AS template_id
FROM jsonb_array_elements(%(rows)s::jsonb) AS session
