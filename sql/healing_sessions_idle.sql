-- Purpose: this service's own sessions that do nothing in an open transaction for long.
-- Index:   none; the catalogs.
-- Caller:  the rule end_own_idle_transaction.
-- Locks:   none.
SELECT a.pid, a.backend_start, a.application_name,
    extract(epoch FROM now() - a.state_change)::double precision AS seconds
FROM pg_stat_activity a
WHERE a.datname = current_database() AND a.usename = current_user AND a.pid <> pg_backend_pid()
    AND starts_with(a.application_name, 'ai-daemon/')
    AND a.state IN ('idle in transaction', 'idle in transaction (aborted)')
    AND a.state_change < now() - make_interval(secs => %(idle_seconds)s::double precision)
ORDER BY a.state_change
LIMIT 10
