-- Purpose: writes the ends of attempts, fenced, with one verdict each; see functions/complete_v1.sql.
-- Index:   primary keys of ai_requests, ai_attempts, ai_leases, ai_results.
-- Caller:  Store.complete.
-- Locks:   those requests in the order of their id, then their leases and attempts.
SELECT id, fence, verdict
FROM ai_complete_v1(%(worker_id)s::text, %(outcomes)s::jsonb, %(now)s::timestamptz)
