-- Purpose: asks for a request to stop; a trigger tells the daemons.
-- Index:   primary key of ai_requests.
-- Caller:  Store.cancel; daemon.web.actions; python -m daemon cancel.
-- Locks:   the request.
UPDATE ai_requests r
SET cancel_requested_at = coalesce(r.cancel_requested_at, clock_timestamp())
WHERE r.id = %(request_id)s::bigint AND r.status IN ('pending', 'running', 'waiting')
RETURNING r.id, r.status
