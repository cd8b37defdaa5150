-- Purpose: ends another role's session that still holds up this service.
-- Index:   none; the catalogs.
-- Caller:  the rule end_foreign_session, after its statement was cancelled in vain.
-- Locks:   none.
SELECT pg_terminate_backend(b.pid) AS signalled
FROM pg_stat_activity b
WHERE b.pid = %(pid)s::integer AND b.backend_start = %(backend_start)s::timestamptz
    AND b.usename <> current_user AND b.pid = ANY (pg_blocking_pids(%(waiting_pid)s::integer))
