-- Purpose: a step's kept value.
-- Index:   primary key of ai_steps.
-- Caller:  Store.step_get.
-- Locks:   none.
SELECT s.value::text AS value_text FROM ai_steps s
WHERE s.request_id = %(request_id)s::bigint AND s.name = %(name)s::text
