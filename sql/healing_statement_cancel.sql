-- Purpose: cancels the statement with which one session holds up another, if it still does.
-- Index:   none; the catalogs.
-- Caller:  the rules yield_to_main_app (ours) and end_foreign_session (not ours).
-- Locks:   none.
SELECT pg_cancel_backend(b.pid) AS signalled
FROM pg_stat_activity b
WHERE b.pid = %(pid)s::integer AND b.backend_start = %(backend_start)s::timestamptz
    AND (b.usename = current_user AND starts_with(b.application_name, 'ai-daemon/'))
        = %(ours)s::boolean
    AND b.pid = ANY (pg_blocking_pids(%(waiting_pid)s::integer))
