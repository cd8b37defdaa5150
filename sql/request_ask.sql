-- Purpose: inserts a request by HTTP, as the main app does by SQL, or finds the one with the same
--          idempotency key. fresh: this transaction made it.
-- Index:   ai_requests_idempotency; primary key of ai_requests.
-- Caller:  daemon.web.actions.
-- Locks:   as an INSERT.
SELECT s.id, EXISTS (SELECT FROM ai_requests r
    WHERE r.id = s.id AND r.created_at = now() AND r.xmin = pg_current_xact_id()::xid) AS fresh
FROM ai_submit(
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
) AS s (id)
