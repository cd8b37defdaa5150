-- Purpose: remembers, for every daemon and across restarts, what a model refused to take.
-- Index:   ai_provider_state_pkey.
-- Caller:  daemon.llm.journal, after a 400 that named the parameter.
-- Locks:   one row of ai_provider_state.
INSERT INTO ai_provider_state (model, response_format, omits)
VALUES (%(model)s, %(response_format)s, %(omits)s::text[])
ON CONFLICT (model) DO UPDATE
SET response_format = excluded.response_format, omits = excluded.omits, updated_at = now()
