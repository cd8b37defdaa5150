-- Purpose: the states that a health_check request found, as typed rows, with its id.
-- Index:   ai_system_health_newest.
-- Caller:  Store.complete, behind a savepoint; Store.redo_projections.
-- Locks:   an advisory one per transaction, and the newest row of each component.
--
-- rows are states with the worker that measured them in the first one. Done again they touch the same
-- rows.
SELECT ai_health_state_v1(x.rows, coalesce(x.rows -> 0 ->> 'worker_id', ''), %(request_id)s::bigint)
FROM (SELECT %(rows)s::jsonb AS rows) x
