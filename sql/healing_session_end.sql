-- Purpose: ends one of this service's own sessions that still does nothing in its transaction.
-- Index:   none; the catalogs.
-- Caller:  the rule end_own_idle_transaction.
-- Locks:   none.
--
-- A process id is used again. So everything that made this session a case is asked once more here:
-- whoever has its number by now is not touched.
SELECT pg_terminate_backend(a.pid) AS signalled
FROM pg_stat_activity a
WHERE a.pid = %(pid)s::integer AND a.backend_start = %(backend_start)s::timestamptz
    AND a.datname = current_database() AND a.usename = current_user
    AND starts_with(a.application_name, 'ai-daemon/')
    AND a.state IN ('idle in transaction', 'idle in transaction (aborted)')
    AND a.state_change < now() - make_interval(secs => %(idle_seconds)s::double precision)
