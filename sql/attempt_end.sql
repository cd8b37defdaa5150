-- Purpose: what became of a request with the end of an attempt, for the metric of what fails.
-- Index:   primary key of ai_requests.
-- Caller:  Store.attempt_end.
-- Locks:   none.
--
-- No row: it went on to another attempt, or is gone.
SELECT r.status FROM ai_requests r
WHERE r.id = %(request_id)s::bigint AND r.fence = %(fence)s::bigint
