-- Purpose: inserts a request as the main app does, or finds the one with the same idempotency key.
-- Index:   ai_requests_idempotency.
-- Caller:  python -m daemon submit.
-- Locks:   as an INSERT.
SELECT ai_submit(
    %(task_type)s::text,
    %(input_data)s::jsonb,
    priority => %(priority)s::integer,
    idempotency_key => %(idempotency_key)s::text,
    fair_key => coalesce(%(fair_key)s::text, ''),
    requested_by => %(requested_by)s::text
) AS id
