-- Purpose: inserts a request by HTTP, as the main app does by SQL, or finds the one with the same
--          idempotency key.
-- Index:   ai_requests_idempotency.
-- Caller:  daemon.web.actions.
-- Locks:   as an INSERT.
SELECT ai_submit(
    %(task_type)s::text,
    %(input_data)s::jsonb,
    priority => %(priority)s::integer,
    run_after => %(run_after)s::timestamptz,
    expires_at => %(expires_at)s::timestamptz,
    idempotency_key => %(idempotency_key)s::text,
    fair_key => coalesce(%(fair_key)s::text, ''),
    requested_by => %(requested_by)s::text,
    max_usd => %(max_usd)s::numeric,
    on_unavailable => %(on_unavailable)s::text
) AS id
