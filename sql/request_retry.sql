-- Purpose: reopens a failed, cancelled or expired request; see functions/retry_v1.sql.
-- Index:   primary key of ai_requests.
-- Caller:  Store.retry.
-- Locks:   the request.
SELECT ai_retry(%(request_id)s::bigint, %(actor)s::text, %(channel)s::text,
    %(now)s::timestamptz) AS reopened
