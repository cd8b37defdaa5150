-- Purpose: renews a worker's leases and tells which of its requests are to stop; see
--          functions/heartbeat_v1.sql.
-- Index:   primary keys of ai_leases, ai_requests, ai_attempts.
-- Caller:  daemon.store.lease_renew, in the heartbeat's thread.
-- Locks:   its own lease rows that nobody holds.
SELECT id, fence, cancel
FROM ai_heartbeat_v1(%(worker_id)s::text, %(ids)s::bigint[], %(fences)s::bigint[],
    make_interval(secs => %(lease_seconds)s::double precision), %(now)s::timestamptz)
