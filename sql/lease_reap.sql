-- Purpose: rescues requests whose lease ran out; see functions/reap_v2.sql.
-- Index:   ai_requests_live.
-- Caller:  Store.reap.
-- Locks:   tries the reaper's advisory lock; requests and leases that nobody holds.
SELECT id, fence, task_type, worker_id, status
FROM ai_reap_v2(make_interval(secs => %(lease_seconds)s::double precision),
    %(max_lost)s::integer, %(limit)s::integer, %(extend)s::boolean, %(now)s::timestamptz)
