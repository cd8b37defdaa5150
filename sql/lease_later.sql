-- Purpose: what cannot be rescued waits for another lease time; see functions/reap_later_v1.sql.
-- Index:   ai_requests_live and primary keys.
-- Caller:  Store.reap_later.
-- Locks:   requests that nobody holds, then their leases.
SELECT id, refusal
FROM ai_reap_later_v1(make_interval(secs => %(lease_seconds)s::double precision),
    %(max_lost)s::integer, %(limit)s::integer, %(now)s::timestamptz)
