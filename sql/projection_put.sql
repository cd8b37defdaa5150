-- Purpose: keeps typed rows that could not be written with their result, to be tried again.
-- Index:   primary key of ai_steps.
-- Caller:  Store.complete, in its transaction.
-- Locks:   the step.
INSERT INTO ai_steps (request_id, name, value, fence)
VALUES (%(request_id)s::bigint, %(name)s::text, %(value)s::jsonb, %(fence)s::bigint)
ON CONFLICT (request_id, name) DO UPDATE SET value = excluded.value, fence = excluded.fence
