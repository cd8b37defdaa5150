-- Purpose: asks whether a model call may be made, or is known already, and reserves its money.
-- Index:   see functions/call_begin_v1.sql.
-- Caller:  daemon.llm.journal, before each physical model call.
-- Locks:   buckets, budgets, the call's journal rows, breaker, in that order.
SELECT verdict, model, returned_model, response, usage, wait_seconds, detail
FROM ai_call_begin_v1(
    p_request => %(request_id)s::bigint,
    p_fence => %(fence)s::bigint,
    p_worker => %(worker_id)s::text,
    p_hashes => %(hashes)s::bytea[],
    p_n => %(n)s::integer,
    p_token => %(token)s::uuid,
    p_call => %(call)s::jsonb,
    p_tokens => %(tokens)s::float8,
    p_usd => %(usd)s::numeric,
    p_limits => %(limits)s::jsonb,
    p_cache_seconds => %(cache_seconds)s::float8,
    p_probe_seconds => %(probe_seconds)s::float8
)
