-- Purpose: forgets a step.
-- Index:   primary key of ai_steps.
-- Caller:  Store.redo_projections.
-- Locks:   the step.
DELETE FROM ai_steps s WHERE s.request_id = %(request_id)s::bigint AND s.name = %(name)s::text
