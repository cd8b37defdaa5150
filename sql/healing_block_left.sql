-- Purpose: whether one session still holds up another.
-- Index:   none; the catalogs.
-- Caller:  the rules that cancel statements, to see what came of it.
-- Locks:   none.
SELECT EXISTS (SELECT FROM pg_stat_activity b
    WHERE b.pid = %(pid)s::integer AND b.backend_start = %(backend_start)s::timestamptz
        AND b.pid = ANY (pg_blocking_pids(%(waiting_pid)s::integer))) AS left
