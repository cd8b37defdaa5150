-- Purpose: asks whether model calls may be made, or are known already, and reserves their money.
-- Index:   see functions/call_begin_v1.sql.
-- Caller:  daemon.llm.journal, before each physical model call, with those that wait for it too.
-- Locks:   buckets, budgets, the calls' journal rows, breaker, in that order.
SELECT place, verdict, model, returned_model, response, usage, wait_seconds, detail
FROM ai_calls_begin_v1(
    p_calls => %(calls)s::jsonb,
    p_probe_seconds => %(probe_seconds)s::float8
)
