-- Purpose: whether there is such a request, and where it stands, for whoever wanted to change it.
-- Index:   primary key of ai_requests.
-- Caller:  daemon.web.actions.
-- Locks:   none.
SELECT r.status FROM ai_requests r WHERE r.id = %(request_id)s::bigint
