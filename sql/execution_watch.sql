-- Purpose: how far requests are that somebody waits for: status, and their newest progress.
-- Index:   primary key of ai_requests, ai_request_events_request.
-- Caller:  daemon.web.hub, for all who wait at once; daemon.web.api.execute, for a twin.
-- Locks:   none.
SELECT r.id, r.status, r.attempt,
    coalesce((SELECT max(e.id) FROM ai_request_events e WHERE e.request_id = r.id), 0) AS newest
FROM ai_requests r WHERE r.id = ANY (%(ids)s::bigint[])
