-- Purpose: whether this transaction made a request, or an earlier one with its idempotency key did,
--          and whether it asks the same. A statement of its own: the one that inserted does not see
--          what it inserted.
-- Index:   primary key of ai_requests.
-- Caller:  daemon.web.actions, in the transaction of request_ask.sql.
-- Locks:   none.
SELECT r.created_at = now() AND r.xmin = pg_current_xact_id()::xid AS fresh,
    r.input_data = %(input_data)s::jsonb
        AND r.requested_by IS NOT DISTINCT FROM %(requested_by)s::text AS same
FROM ai_requests r WHERE r.id = %(request_id)s::bigint
