-- Purpose: settles a model call: ledger line, budgets, rate buckets, breaker. Safe to repeat.
-- Index:   see functions/call_end_v1.sql.
-- Caller:  daemon.llm.journal, after each physical model call, whatever came of it.
-- Locks:   buckets, budgets, the call's journal rows, breaker, in that order.
SELECT ai_call_end_v1(
    p_request => %(request_id)s::bigint,
    p_fence => %(fence)s::bigint,
    p_worker => %(worker_id)s::text,
    p_hash => %(hash)s::bytea,
    p_n => %(n)s::integer,
    p_token => %(token)s::uuid,
    p_call => %(call)s::jsonb,
    p_limits => %(limits)s::jsonb,
    p_answer => %(answer)s::jsonb,
    p_feedback => %(feedback)s::jsonb
) AS verdict
