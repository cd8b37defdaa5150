-- Purpose: what each model was learned to need: a simpler response_format, parameters left out.
-- Index:   none; a row per model.
-- Caller:  daemon.llm.journal, at start.
-- Locks:   none.
SELECT model, response_format, omits
FROM ai_provider_state
WHERE response_format IS NOT NULL OR omits <> '{}'
